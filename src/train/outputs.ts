/** The finished LoRA, in the forms that other programs load. */
import { join } from "node:path";
import { describeLora, saveComfyLora, saveDiffusersLora } from "../weights/mod.ts";
import { resolveRate } from "./optimizer.ts";
import type { Session } from "./setup.ts";

/**
 * Writes what a session has trained, in each format the config names. Nothing in the files depends on when or how often the run was
 * interrupted, so that a resumed run's equal an unbroken run's byte for byte.
 * @returns the paths written
 * @throws {DiskError} if the disk refuses; files of the same name stay whole
 */
export function saveOutputs(
  session: Pick<Session, "config" | "trainees" | "variant">,
  { folder, step }: { folder: string; step: number },
): string[] {
  const { config, trainees, variant } = session;
  const { method: { rank, alpha = rank }, save } = config;
  const facts = {
    title: config.name,
    architecture: variant,
    rank,
    alpha,
    steps: step,
    seed: config.train.seed,
    learningRate: resolveRate(config),
    optimizer: config.optim.name,
  };
  return trainees.flatMap(({ trained: { adapters } }) =>
    save.formats.map((format) => {
      const settings = { dtype: save.dtype, metadata: describeLora(facts) };
      if (format === "diffusers") {
        const path = join(folder, `${config.name}-diffusers.safetensors`);
        saveDiffusersLora(path, adapters.modules, { ...settings, targetModules: config.method.targets });
        return path;
      }
      const path = join(folder, `${config.name}.safetensors`);
      saveComfyLora(path, adapters.modules, settings);
      return path;
    })
  );
}
