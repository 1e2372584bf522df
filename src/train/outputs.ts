/** The finished LoRA, in the forms that other programs load. */
import { join } from "node:path";
import type { RunConfig } from "../config/mod.ts";
import type { LoraSet } from "../nn/mod.ts";
import { describeLora, saveComfyLora, saveDiffusersLora } from "../weights/mod.ts";

/**
 * Writes a LoRA in each format the config names. Nothing in the files depends on when or how often the run was
 * interrupted, so that a resumed run's equal an unbroken run's byte for byte.
 * @returns the paths written
 * @throws {DiskError} if the disk refuses; files of the same name stay whole
 */
export function saveLora(
  folder: string,
  options: { config: RunConfig; lora: LoraSet; step: number; variant: string },
): string[] {
  const { config, lora, step, variant } = options;
  const { method: { rank, alpha = rank }, save } = config;
  const facts = {
    title: config.name,
    architecture: variant,
    rank,
    alpha,
    steps: step,
    seed: config.train.seed,
    learningRate: config.optim.learningRate,
    optimizer: config.optim.name,
  };
  return save.formats.map((format) => {
    const settings = { dtype: save.dtype, metadata: describeLora(facts) };
    if (format === "diffusers") {
      const path = join(folder, `${config.name}-diffusers.safetensors`);
      saveDiffusersLora(path, lora.modules, { ...settings, targetModules: config.method.targets });
      return path;
    }
    const path = join(folder, `${config.name}.safetensors`);
    saveComfyLora(path, lora.modules, settings);
    return path;
  });
}
