/** What an adapter file is, from its names and shapes. */
import { parseAdapterKey, type Weights } from "../../weights/mod.ts";
import { VARIANTS } from "../variant.ts";

/** An adapter file, described. */
export interface DetectedAdapter {
  /** `ComfyUI`, `diffusers`, ... */
  readonly naming: string;
  /** For each model in it (undefined: one that the file does not name) the modules by kind, `LoRA` → 300. */
  readonly models: readonly {
    readonly component: string | undefined;
    readonly kinds: Readonly<Record<string, number>>;
  }[];
  /** Of LoRAs, without repetition. */
  readonly ranks: readonly number[];
  /** Names of the variants whose layers have these sizes. */
  readonly variants: readonly string[];
  readonly title: string;
}

/** Beginnings of names and whose they are, the first that fits counts. */
const NAMINGS: readonly [prefix: string, program: string][] = [
  ["lora_unet_", "musubi-tuner and kohya"],
  ["lora_te", "musubi-tuner and kohya"],
  ["lycoris_", "LyCORIS"],
  ["diffusion_model.", "ComfyUI"],
  ["model.diffusion_model.", "ComfyUI"],
  ["text_encoders.", "ComfyUI"],
  ["transformer", "diffusers"],
  ["text_encoder.", "diffusers"],
  ["base_model.model.", "peft"],
  ["blocks.", "DiffSynth"],
];

const TITLES = { lora: "LoRA", lokr: "LoKr", loha: "LoHa", diff: "difference" } as const;

/**
 * Describes a file most of whose names are those of adapters; undefined for any other.
 * @param weights under the file's own names
 */
export function describeAdapter(weights: Weights): DetectedAdapter | undefined {
  const keys = weights.keys();
  const parsed = keys.flatMap((key) => {
    const found = parseAdapterKey(key);
    return found === undefined ? [] : [{ key, ...found }];
  });
  if (parsed.length === 0 || parsed.length * 2 < keys.length) return undefined;
  const models = [...Map.groupBy(parsed, ({ component }) => component)].map(([component, found]) => {
    const kinds: Record<string, number> = {};
    for (const [, parts] of Map.groupBy(found, ({ module }) => module)) {
      const kind = parts.find((part) => part.kind !== undefined && part.kind !== "diff")?.kind ?? "diff";
      const title = parts.some(({ part }) => part === "magnitude") ? `DoRA (${TITLES[kind]})` : TITLES[kind];
      kinds[title] = (kinds[title] ?? 0) + 1;
    }
    return { component, kinds };
  });
  const downs = parsed.filter(({ part }) => part === "down");
  const ranks = [...new Set(downs.map(({ key }) => weights.shapeOf(key)[0] ?? 0))].sort((a, b) => a - b);
  const query = downs.find(({ module }) => /attn1\.to_q$/.test(module));
  const width = query === undefined ? undefined : weights.shapeOf(query.key)[1];
  const variants = VARIANTS.filter(({ transformer: t }) => t.numHeads * t.headDim === width).map(({ name }) => name);
  const naming = NAMINGS.find(([prefix]) => parsed.every(({ key }) => key.startsWith(prefix)))?.[1] ??
    NAMINGS.find(([prefix]) => keys.some((key) => key.startsWith(prefix)))?.[1] ?? "an unknown program";
  const what = models.map(({ component, kinds }) => {
    const counts = Object.entries(kinds).map(([kind, count]) =>
      `${count} ${kind} ${count === 1 ? "module" : "modules"}`
    );
    return `${counts.join(" and ")} for ${component ?? "a transformer"}`;
  });
  const rank = ranks.length === 0 ? "" : `, rank ${ranks.join(", ")}`;
  const fits = variants.length === 0 ? "" : `, of the width of ${variants.join(" and ")}`;
  return {
    naming,
    models,
    ranks,
    variants,
    title: `an adapter named as by ${naming}: ${what.join("; ")}${rank}${fits}`,
  };
}
