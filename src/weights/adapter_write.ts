/**
 * Writes adapters of every kind in the namings of the programs that load them. Unless alpha is folded in, their numbers stay: reading any of them gives
 * back the same tensors and the same alpha.
 */

import { listNames, WeightsError } from "../base/mod.ts";
import { type DType, type Tensor, tensor } from "../torch/mod.ts";
import type { AdapterTensors } from "./adapter_file.ts";
import { diffusersToKohya, diffusersToOriginal } from "./keys.ts";
import { ADAPTER_METADATA, adapterMetadata } from "./lora_config.ts";
import { type AdapterComponent, umt5ToKohya } from "./lora_keys.ts";
import { type PlannedTensor, writeSafetensors } from "./write.ts";

/**
 * - `diffusers`: `transformer.blocks.0.attn1.to_q.lora_A.weight`, a LoRA's alpha in the header alone; no other kind than LoRA
 *   and DoRA, as it refuses every name without "lora" (src/diffusers/loaders/lora_pipeline.py, WanLoraLoaderMixin)
 * - `comfy`: `diffusion_model.blocks.0.self_attn.q.lora_A.weight` with `.alpha`
 * - `musubi`: `lora_unet_blocks_0_self_attn_q.lora_down.weight` with `.alpha`
 */
export type AdapterNaming = "diffusers" | "comfy" | "musubi";

/** Adapters by diffusers module path. */
export type AdapterMap = ReadonlyMap<string, AdapterTensors>;

/** How adapters are written. */
export interface SaveAdaptersOptions {
  readonly naming: AdapterNaming;
  /** What the factors become; absent: each keeps its type. */
  readonly dtype?: DType | undefined;
  /**
   * Whether a LoRA's scale alpha / r is multiplied into its second factor, before the cast, and no alpha is written: the form
   * that ComfyUI, diffusers and readers of peft's names all scale alike. False if absent.
   */
  readonly foldAlpha?: boolean | undefined;
  /** More entries for the header, see `describeLora`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

type Part = keyof AdapterTensors["tensors"];

/** Endings of parts by naming, where namings differ. */
const LORA_ENDINGS: Record<AdapterNaming, Partial<Record<Part, string>>> = {
  diffusers: { down: "lora_A.weight", up: "lora_B.weight", magnitude: "lora_magnitude_vector" },
  comfy: { down: "lora_A.weight", up: "lora_B.weight", magnitude: "dora_scale" },
  musubi: { down: "lora_down.weight", up: "lora_up.weight", magnitude: "dora_scale" },
};

/**
 * Writes adapters to one file.
 * @param models by the model they belong to. No program's names say which expert is meant (diffusers loads either from names
 * under `transformer.`: src/diffusers/loaders/lora_pipeline.py, WanLoraLoaderMixin.load_lora_weights), so a file holds one
 * transformer's
 * @throws {WeightsError} if two experts are to go into the file, a module has no name in the naming, or a kind none in diffusers'
 * @throws {DiskError} if the disk refuses
 */
export function saveAdapters(
  path: string,
  models: Readonly<Partial<Record<AdapterComponent, AdapterMap>>>,
  options: SaveAdaptersOptions,
): void {
  const { naming, metadata } = options;
  const given = Object.entries(models) as [AdapterComponent, AdapterMap][];
  if (models.transformer !== undefined && models.transformer_2 !== undefined) {
    throw new WeightsError(`Cannot save the adapters of both experts in "${path}": files do not tell them apart`, {
      cure: "save a file for each expert",
    });
  }
  const planned = given.flatMap(([component, modules]) =>
    [...modules].flatMap(([module, adapter]) => {
      const place = placeIn(naming, { component, module });
      if (place !== undefined) return planModule(adapter, { ...options, place });
      throw new WeightsError(`Cannot save the adapter of ${module} in the naming of ${naming}: it has no name there`);
    })
  );
  const foreign = naming === "diffusers" ? planned.filter(({ name }) => !name.includes("lora")) : [];
  if (foreign.length > 0) {
    const names = listNames(foreign.map(({ name }) => name), { limit: 3, unit: "tensors" });
    throw new WeightsError(`Cannot save "${path}" in the naming of diffusers: it refuses files with ${names}`, {
      cure: "take ComfyUI's or musubi-tuner's naming; diffusers loads LoRAs and DoRAs alone",
    });
  }
  const config = naming === "diffusers" ? peftConfig(given) : undefined;
  const header = config === undefined ? {} : { [ADAPTER_METADATA]: config };
  writeSafetensors(path, planned, { metadata: { format: "pt", ...metadata, ...header } });
}

/** What stands before the parts of a module. */
function placeIn(
  naming: AdapterNaming,
  { component, module }: { component: AdapterComponent; module: string },
): string | undefined {
  if (naming === "diffusers") return `${writtenComponent(component)}.${module}.`;
  if (component === "text_encoder") {
    return naming === "comfy" ? `text_encoders.umt5xxl.transformer.${module}.` : `lora_te_${umt5ToKohya(module)}.`;
  }
  const name = naming === "comfy" ? diffusersToOriginal(module) : diffusersToKohya(module);
  if (name === undefined) return undefined;
  return naming === "comfy" ? `diffusion_model.${name}.` : `lora_unet_${name}.`;
}

/** What diffusers' files call a model: either expert is the transformer that the file is loaded into. */
function writtenComponent(component: AdapterComponent): AdapterComponent {
  return component === "transformer_2" ? "transformer" : component;
}

function planModule(
  adapter: AdapterTensors,
  { place, naming, dtype, foldAlpha = false }: SaveAdaptersOptions & { place: string },
): PlannedTensor[] {
  const { kind, tensors, alpha } = adapter;
  const folds = foldAlpha && kind === "lora" && alpha !== undefined && tensors.down !== undefined;
  const factor = folds ? alpha / (tensors.down?.size(0) ?? 1) : 1;
  const planned = (Object.entries(tensors) as [Part, Tensor | undefined][]).flatMap(
    ([part, stored]): PlannedTensor[] => {
      if (stored === undefined) return [];
      const shape = part === "magnitude" ? magnitudeShape(stored, naming) : stored.shape;
      return [{
        name: place + endingOf(part, { kind, naming }),
        dtype: dtype ?? stored.dtype,
        shape,
        make: () => {
          using plain = stored.detach();
          return part === "up" && folds ? timesFactor(plain, factor) : plain.reshape(shape);
        },
      }];
    },
  );
  const inHeader = kind === "lora" && naming === "diffusers";
  if (alpha === undefined || inHeader || folds) return planned;
  const wide = Math.fround(alpha) === alpha ? "float32" : "float64"; // so that it comes back as it was
  return [...planned, {
    name: `${place}alpha`,
    dtype: wide,
    shape: [],
    make: () => tensor([alpha], { shape: [], dtype: wide }),
  }];
}

/** `up · factor`, computed in float32 at least. */
function timesFactor(up: Tensor, factor: number): Tensor {
  using wide = up.dtype === "float64" ? up.clone() : up.float();
  return wide.mul(factor);
}

function endingOf(
  part: Part,
  { kind, naming }: { kind: AdapterTensors["kind"]; naming: AdapterNaming },
): string {
  if (part === "weight") return "diff";
  if (part === "bias") return "diff_b";
  const named = LORA_ENDINGS[naming][part];
  if (named !== undefined) return named;
  return kind === "loha" ? `hada_${part}` : `lokr_${part}`;
}

/** peft holds the lengths of rows as a vector, the others as a column. */
function magnitudeShape(magnitude: Tensor, naming: AdapterNaming): readonly number[] {
  const [first = 1, ...more] = magnitude.shape;
  const isRow = first === 1 && more.length > 0;
  if (isRow) return magnitude.shape;
  return naming === "diffusers" ? [first] : [first, 1];
}

/** The header entry that tells diffusers rank and alpha, for all models together. */
function peftConfig(models: readonly [AdapterComponent, AdapterMap][]): string | undefined {
  const configs = models.flatMap(([model, modules]) => {
    const component = writtenComponent(model);
    const numbers = [...modules].flatMap(([module, { tensors: { down }, alpha }]) =>
      down === undefined ? [] : [[module, { rank: down.size(0), alpha: alpha ?? down.size(0) }] as const]
    );
    if (numbers.length === 0) return [];
    const dora = [...modules.values()].some(({ tensors }) => tensors.magnitude !== undefined);
    const text = adapterMetadata(new Map(numbers), { component, targetModules: numbers.map(([module]) => module) });
    const config: Record<string, unknown> = JSON.parse(text);
    return [dora ? { ...config, [`${component}.use_dora`]: true } : config];
  });
  return configs.length === 0 ? undefined : JSON.stringify(Object.assign({}, ...configs), null, 2);
}
