/**
 * Which parts of a model a set of names belongs to, and under which family's names. Files of one part, and files with several
 * (all-in-one checkpoints), in every naming, become the same thing: tensors under diffusers' names.
 */

import umt5 from "../../specs/keys/umt5.json" with { type: "json" };
import transformer from "../../specs/keys/wan-transformer.json" with { type: "json" };
import vae from "../../specs/keys/wan-vae.json" with { type: "json" };
import { NameTable } from "./name_table.ts";

/** The parts of a model that have weights. */
export type ModelPart = "transformer" | "vae" | "text_encoder";
/** Whose names: those of diffusers (of transformers for the text encoder), or of the official release. */
export type Naming = "diffusers" | "original";

/** A part that was found. */
export interface FoundPart {
  readonly part: ModelPart;
  readonly naming: Naming;
  /** What stands before its names in the file: `model.diffusion_model.` */
  readonly prefix: string;
  /** diffusers name → name in the file. */
  readonly names: ReadonlyMap<string, string>;
  /** Names under the prefix that the part does not have. */
  readonly surplus: readonly string[];
}

interface PartRules {
  readonly part: ModelPart;
  readonly prefixes: readonly string[];
  /** Names of which one at least is there, by naming; tried in this order. */
  readonly anchors: readonly (readonly [Naming, RegExp, NameTable])[];
}

const TRANSFORMER = new NameTable(transformer), UMT5 = new NameTable(umt5);
const VAE_21 = new NameTable({ ...vae["2.1"], leaves: vae.leaves });
const VAE_22 = new NameTable({ ...vae["2.2"], leaves: vae.leaves });

const RULES: readonly PartRules[] = [
  {
    part: "transformer",
    prefixes: transformer.prefixes.original,
    anchors: [
      ["original", /^(blocks\.\d+\.(self_attn|cross_attn)\.|head\.modulation$|time_projection\.1\.)/, TRANSFORMER],
      ["diffusers", /^(blocks\.\d+\.attn[12]\.|condition_embedder\.|scale_shift_table$)/, TRANSFORMER],
    ],
  },
  {
    part: "vae",
    prefixes: vae.prefixes.original,
    anchors: [
      ["original", /^(encoder|decoder)\.(down|up)samples\.\d+\.(down|up)samples\.\d+\./, VAE_22],
      ["original", /^((encoder|decoder)\.(conv1|(down|up)samples|middle)\.)/, VAE_21],
      ["diffusers", /^((encoder|decoder)\.(conv_in|down_blocks|up_blocks|mid_block)\.|(post_)?quant_conv\.)/, VAE_21],
    ],
  },
  {
    part: "text_encoder",
    prefixes: umt5.prefixes.original,
    anchors: [
      ["original", /^(token_embedding\.|blocks\.\d+\.(attn|ffn\.gate|ffn\.fc1|pos_embedding)\.)/, UMT5],
      ["diffusers", /^(shared\.weight$|encoder\.(embed_tokens|block|final_layer_norm)\.)/, UMT5],
    ],
  },
];

/** Every part of a model that the names hold, in the order transformer, vae, text_encoder. */
export function identifyParts(keys: readonly string[]): FoundPart[] {
  const prefixes = RULES.flatMap((rules) => rules.prefixes);
  const groups = Map.groupBy(keys, (key) => prefixes.find((prefix) => key.startsWith(prefix)) ?? "");
  const found = RULES.flatMap((rules) => {
    const parts = [...rules.prefixes, ""].flatMap((prefix) => {
      const bare = (groups.get(prefix) ?? []).map((key) => key.slice(prefix.length));
      const anchor = rules.anchors.find(([, pattern]) => bare.some((key) => pattern.test(key)));
      return anchor === undefined ? [] : [foundPart(rules.part, { prefix, bare, anchor })];
    });
    return parts.slice(0, 1);
  });
  // without prefixes parts cannot be told apart name by name: the one that knows more of them has the file
  const bare = found.filter(({ prefix }) => prefix === "").sort((a, b) => a.surplus.length - b.surplus.length);
  return found.filter((part) => part.prefix !== "" || part === bare[0]);
}

function foundPart(
  part: ModelPart,
  { prefix, bare, anchor }: { prefix: string; bare: readonly string[]; anchor: PartRules["anchors"][number] },
): FoundPart {
  const [naming, , table] = anchor;
  const names = new Map<string, string>();
  const surplus: string[] = [];
  for (const key of bare) {
    if (part === "text_encoder" && key === TOKENIZER) continue;
    const name = naming === "original" ? table.toDiffusers(key) : key;
    if (name === undefined) surplus.push(prefix + key);
    else names.set(name, prefix + key);
  }
  if (part === "text_encoder") unifyEmbedding(names);
  return { part, naming, prefix, names, surplus };
}

/** The tensor in which ComfyUI's text encoder files carry their tokenizer, beside the encoder's own. */
const TOKENIZER = "spiece_model";

/** The embedding has two names in the wild and may be there under both. */
function unifyEmbedding(names: Map<string, string>): void {
  const second = names.get("encoder.embed_tokens.weight");
  if (second !== undefined && !names.has("shared.weight")) names.set("shared.weight", second);
  names.delete("encoder.embed_tokens.weight");
}

/** The original name of a part's tensor; `residual`: whether it is a VAE of the 2.2 kind. */
export function originalName(
  key: string,
  { part, residual = false }: { part: ModelPart; residual?: boolean },
): string | undefined {
  const table = part === "transformer" ? TRANSFORMER : part === "text_encoder" ? UMT5 : residual ? VAE_22 : VAE_21;
  return table.toOriginal(key);
}

/** Whether a VAE's diffusers names are those of the 2.2 kind, whose stages have blocks of their own in the encoder. */
export function isResidualVae(keys: Iterable<string>): boolean {
  return [...keys].some((key) => /^encoder\.down_blocks\.\d+\.(resnets|downsampler)\./.test(key));
}
