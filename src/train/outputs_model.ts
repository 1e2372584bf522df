/** A fully fine-tuned model: a folder in diffusers layout, and each transformer as a single file. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { savedFormats } from "../config/mod.ts";
import { saveModel, saveSingleFile } from "../wan/mod.ts";
import { overlaidWeights, tensorWeights, type Weights } from "../weights/mod.ts";
import type { StepsTaken } from "./journal.ts";
import { describeTrained } from "./outputs_metadata.ts";
import { componentOf, expertEnding, type SavedSession } from "./outputs_names.ts";
import type { Trainee } from "./trainee.ts";

/**
 * Writes the trained transformers: the whole model for diffusers, single files under the official names for all others.
 * @returns the paths written
 * @throws {DiskError} if the disk is too small or refuses
 */
export function saveTrainedModels(
  session: SavedSession,
  { folder, taken }: { folder: string; taken: StepsTaken },
): string[] {
  const { config, trainees, models } = session;
  const { name, save: { dtype } } = config, formats = savedFormats(config);
  using opened = new DisposableStack();
  const weightsOf = (trainee: Trainee): Weights => {
    const original = opened.use(models.openWeights(componentOf(trainee.expert)));
    return overlaidWeights(original, tensorWeights(trainee.trained.params, { name: "the trained weights" }));
  };
  const replace = trainees.map((trainee) => [trainee, weightsOf(trainee)] as const);
  const describe = (of: readonly Trainee[], isWhole = false): Record<string, string> =>
    describeTrained(session, { of, taken, folded: false, isWhole });
  const paths: string[] = [];
  if (formats.includes("diffusers")) {
    const path = join(folder, name);
    rmSync(path, { recursive: true, force: true }); // of a run that died behind this; its checkpoint has the same
    saveModel(models, path, {
      dtype,
      replace: Object.fromEntries(replace.map(([{ expert }, weights]) => [componentOf(expert), weights])),
      metadata: describe(trainees, true),
    });
    paths.push(path);
  }
  if (formats.some((format) => format !== "diffusers")) {
    for (const [trainee, weights] of replace) {
      const component = componentOf(trainee.expert);
      const path = join(folder, `${name}${expertEnding(trainee.expert)}.safetensors`);
      saveSingleFile(weights, path, {
        component,
        dtype,
        config: models.configJson(component),
        metadata: describe([trainee]),
      });
      paths.push(path);
    }
  }
  return paths;
}
