/** Reads LoRA files whose update is the product of two factors and nothing else: what can be trained further. */

import { WeightsError } from "../base/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { AdapterFile, type AdapterModules, type AdapterTensors } from "./adapter_file.ts";
import { shown } from "./header.ts";
import type { LoraComponent } from "./lora_keys.ts";

/** The adapter of one Linear. */
export interface LoraModule {
  /** [r, in] */
  readonly down: Tensor;
  /** [out, r] */
  readonly up: Tensor;
  /** The update's scale is alpha / r. */
  readonly alpha: number;
}

/** A LoRA file, read. Owns its tensors. */
export interface LoraFile extends Disposable {
  /** By diffusers module path, such as `blocks.0.attn1.to_q`. */
  readonly modules: ReadonlyMap<string, LoraModule>;
  /** The model that the file names, if it does. */
  readonly component: LoraComponent | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads a LoRA file.
 * @param path a file in diffusers', ComfyUI's, DiffSynth's or musubi-tuner's naming
 * @param options `component`: which of two models, where the file holds adapters for both
 * @throws {WeightsError} listing what is not understood, incomplete or of the wrong shape, or is no plain LoRA
 */
export function readLoraFile(path: string, options: { component?: LoraComponent | undefined } = {}): LoraFile {
  using file = AdapterFile.open(path);
  const component = chooseComponent(file, options.component);
  const read = file.read(component);
  try {
    return plain(read, { path, component });
  } catch (error) {
    read[Symbol.dispose]();
    throw error;
  }
}

function plain(
  read: AdapterModules,
  { path, component }: { path: string; component: LoraComponent | undefined },
): LoraFile {
  const modules = [...read.modules].map(([module, adapter]): [string, LoraModule] => {
    const { tensors: { down, up, magnitude, bias }, alpha } = adapter;
    const more = magnitude !== undefined ? "DoRA" : bias !== undefined ? "full weight differences" : undefined;
    if (down === undefined || up === undefined || alpha === undefined || more !== undefined) {
      throw new WeightsError(
        `Cannot read the LoRA ${shown(path)}: ${module} is no plain LoRA (${more ?? title(adapter)})`,
      );
    }
    return [module, { down, up, alpha }];
  });
  return {
    modules: new Map(modules),
    component,
    metadata: read.metadata,
    [Symbol.dispose]: () => read[Symbol.dispose](),
  };
}

function title({ kind }: AdapterTensors): string {
  return kind === "diff" ? "full weight differences" : kind === "lokr" ? "LoKr" : "LoHa";
}

function chooseComponent(file: AdapterFile, wanted: LoraComponent | undefined): LoraComponent | undefined {
  const present = file.components.filter((name) => name !== "text_encoder");
  const refuse = (fact: string, cure?: string): WeightsError =>
    new WeightsError(`Cannot read the LoRA ${shown(file.path)}: ${fact}`, { cure });
  if (present.length === 0) throw refuse("it is for the text encoder alone");
  if (wanted !== undefined && present.includes(wanted)) return wanted;
  if (present.length > 1) {
    const names = present.map((name) => name ?? "an unnamed model").join(" and ");
    throw refuse(`it holds adapters for ${names}`, "say which of them is meant");
  }
  const only = present[0];
  if (wanted !== undefined && only !== undefined) throw refuse(`it is for ${only}, not for ${wanted}`);
  return only;
}
