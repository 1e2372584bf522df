/** LoRA files named on the command line, and how they come onto a model. */
import { existsSync } from "node:fs";
import { ConfigError } from "../../base/mod.ts";
import {
  applyAdapters,
  type ApplyAdaptersOptions,
  type Expert,
  type Umt5Encoder,
  type WanTransformer,
  weightsWithDifferences,
} from "../../wan/mod.ts";
import type { Weights } from "../../weights/mod.ts";
import type { LoraUse } from "./lora_use.ts";

/** A LoRA file and how strongly it is applied. */
export interface LoraChoice {
  readonly path: string;
  /** Factor on top of alpha / rank. */
  readonly strength: number;
  /** The expert of two that it is for; absent: each takes what is for it, see `loraUses`. */
  readonly expert?: "high" | "low" | undefined;
}

/**
 * Reads `FILE` or `FILE:strength`. A file whose own name ends so wins over the strength.
 * @throws {ConfigError} if there is no such file or the strength is no number
 */
export function parseLora(text: string): LoraChoice {
  if (existsSync(text)) return { path: text, strength: 1 };
  const colon = text.lastIndexOf(":");
  const [path, strength] = colon > 0 ? [text.slice(0, colon), text.slice(colon + 1)] : [text, "1"];
  if (!existsSync(path)) {
    throw new ConfigError(`Cannot use the LoRA "${text}": there is no such file`, {
      cure: "check the path; the strength goes behind it, as in `style.safetensors:0.8`",
    });
  }
  const factor = Number(strength);
  if (strength.trim() === "" || !Number.isFinite(factor)) {
    throw new ConfigError(`Cannot use the LoRA "${text}": its strength "${strength}" is no number`, {
      cure: `write it as in \`${path}:0.8\``,
    });
  }
  return { path, strength: factor };
}

/** The LoRAs that options name. @throws {ConfigError} like `parseLora` */
export function chosenLoras(
  options: { lora?: readonly string[]; highLora?: readonly string[]; lowLora?: readonly string[] },
): LoraChoice[] {
  const { lora = [], highLora = [], lowLora = [] } = options;
  return [
    ...lora.map(parseLora),
    ...highLora.map((text): LoraChoice => ({ ...parseLora(text), expert: "high" })),
    ...lowLora.map((text): LoraChoice => ({ ...parseLora(text), expert: "low" })),
  ];
}

/**
 * Hangs LoRAs of every kind on a transformer, one beside the other; disposing of the result takes them off. Files that are not
 * for it are left out.
 * @throws {WeightsError} if a file is damaged or does not fit the model
 */
export function applyLoras(
  model: WanTransformer,
  options: { loras: readonly LoraUse[]; expert: Expert },
): DisposableStack {
  using stack = new DisposableStack();
  for (const file of filesFor(options)) {
    stack.use(applyAdapters(model.everyLinear, { ...file, layersAlone: true }));
  }
  return stack.move();
}

/** What comes before `applyLoras`: the weights that the transformer is loaded from, with what no layer carries worked in. */
export function loraWeights(weights: Weights, options: { loras: readonly LoraUse[]; expert: Expert }): Weights {
  const files = filesFor(options);
  return files.length === 0 ? weights : weightsWithDifferences(weights, files);
}

function filesFor({ loras, expert }: { loras: readonly LoraUse[]; expert: Expert }): ApplyAdaptersOptions[] {
  const component = expert === "low" ? "transformer_2" : "transformer";
  return loras.filter(({ parts }) => parts.includes(component)).map(({ path, strength }) => ({
    ...{ path, component, strength },
  }));
}

/** The same for a text encoder, from the files that have something for it. */
export function applyTextLoras(encoder: Umt5Encoder, loras: readonly LoraUse[]): DisposableStack {
  using stack = new DisposableStack();
  for (const { path, strength, parts } of loras) {
    if (!parts.includes("text_encoder")) continue;
    stack.use(applyAdapters(encoder.linears, { path, component: "text_encoder", strength }));
  }
  return stack.move();
}
