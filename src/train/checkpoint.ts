/**
 * Checkpoints: everything a run needs to go on as if it had never stopped. That is the trained matrices in float32, the
 * optimizer's state and the step number; randomness and the order of the data follow from the seed and the step. A folder
 * counts once its manifest is there, and the previous one stays until then.
 */
import { join } from "node:path";
import { diskError, makeFolder, RunError, syncFolder, WeightsError, writeAtomically } from "../base/mod.ts";
import type { CheckpointRef } from "../runs/mod.ts";
import { noGrad, type Tensor } from "../torch/mod.ts";
import { updateState } from "./average.ts";
import { type Change, shapingChanges } from "./changes.ts";
import type { Journal } from "./journal.ts";
import { openWeights, saveSafetensors, type Weights } from "../weights/mod.ts";
import type { Session } from "./setup.ts";
import type { Trainee } from "./trainee.ts";

/** The tensors that a checkpoint holds, by name; a resume copies into the very same tensors. */
export interface TrainState {
  readonly params: ReadonlyMap<string, Tensor>;
  readonly optimizer: ReadonlyMap<string, Tensor>;
}

/** What a checkpoint of a session holds; where two experts are trained, each tensor under its expert's name. */
export function stateOf({ trainees }: Session): TrainState {
  const all = (pick: (trainee: Trainee) => ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
    new Map(trainees.flatMap((trainee) => {
      const prefix = trainee.expert === "only" ? "" : `${trainee.expert}.`;
      return [...pick(trainee)].map(([name, tensor]): [string, Tensor] => [prefix + name, tensor]);
    }));
  return { params: all(({ trained }) => trained.params), optimizer: all(updateState) };
}

const PARAMS = "params.safetensors";
const OPTIMIZER = "optimizer.safetensors";

/**
 * Writes a checkpoint and returns its place and size.
 * @param folder the run's folder of checkpoints
 * @param options.step optimizer steps taken
 * @param options.dataFingerprint of the data set, so that a resume can tell whether it is still the same
 * @param options.journal what the run remembers besides tensors
 * @throws {DiskError} if the disk refuses; then the folder is as it was
 */
export function saveCheckpoint(
  folder: string,
  options: { step: number; configHash: string; dataFingerprint?: string; journal?: Journal; state: TrainState },
): { path: string; bytes: number } {
  const { step, configHash, dataFingerprint, journal, state } = options;
  const name = `step-${String(step).padStart(8, "0")}`;
  const path = join(folder, name);
  const partial = join(folder, `.${name}.partial`);
  try {
    Deno.removeSync(partial, { recursive: true });
  } catch {
    // nothing was left from a run that died here
  }
  makeFolder(partial);
  try {
    saveSafetensors(join(partial, PARAMS), state.params);
    saveSafetensors(join(partial, OPTIMIZER), state.optimizer);
    const manifest = { version: 1, step, configHash, dataFingerprint, journal };
    writeAtomically(join(partial, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
    const bytes = [PARAMS, OPTIMIZER].reduce((sum, file) => sum + Deno.statSync(join(partial, file)).size, 0);
    try {
      Deno.removeSync(path, { recursive: true }); // made before a resume from an earlier step
    } catch {
      // the usual case
    }
    Deno.renameSync(partial, path);
    syncFolder(folder);
    return { path, bytes };
  } catch (error) {
    try {
      Deno.removeSync(partial, { recursive: true });
    } catch {
      // the disk is in a bad way; the first error says so
    }
    throw diskError(`save the checkpoint of step ${step} in "${folder}"`, error);
  }
}

/** Which checkpoints stay. */
export interface Retention {
  /** How many of the newest */
  readonly keep: number;
  /** Those at multiples of this */
  readonly keepEverySteps?: number | undefined;
  /** The step of the best one, where one is known */
  readonly best?: number | undefined;
}

/** Removes the checkpoints that need not stay. @throws {DiskError} if the disk refuses */
export function pruneCheckpoints(whole: readonly CheckpointRef[], { keep, keepEverySteps, best }: Retention): void {
  const stays = ({ step }: CheckpointRef): boolean =>
    step === best || (keepEverySteps !== undefined && step % keepEverySteps === 0);
  for (const checkpoint of whole.slice(0, Math.max(0, whole.length - keep)).filter((each) => !stays(each))) {
    try {
      Deno.removeSync(checkpoint.path, { recursive: true });
    } catch (error) {
      throw diskError(`remove the old checkpoint "${checkpoint.path}"`, error);
    }
  }
}

/**
 * Copies a checkpoint into the state of a run set up the same way.
 * @param options.configHashes of the configs that the run has had
 * @param options.changes settings that are others now, and may be why the tensors are
 * @returns the steps taken so far
 * @throws {RunError} if it was made with another config, or holds other tensors
 * @throws {WeightsError} if a file of it is damaged
 */
export function loadCheckpoint(
  checkpoint: CheckpointRef,
  options: { configHashes: readonly unknown[]; state: TrainState; changes?: readonly Change[] },
): number {
  const { configHashes, state, changes = [] } = options;
  if (!configHashes.includes(checkpoint.manifest.configHash)) {
    throw new RunError(`Cannot resume from ${checkpoint.path}: it was made with another config.`, {
      cure: "Resume with the config in the run's own folder, or start a new run.",
    });
  }
  for (const [file, tensors] of [[PARAMS, state.params], [OPTIMIZER, state.optimizer]] as const) {
    using weights = openPart(checkpoint.path, file);
    const names = new Set(weights.keys());
    const isSame = (name: string, { shape }: Tensor): boolean =>
      names.has(name) && weights.shapeOf(name).join() === shape.join();
    if (names.size !== tensors.size || !tensors.entries().every(([name, tensor]) => isSame(name, tensor))) {
      const changed = shapingChanges(changes);
      const since = changed.length === 0 ? "" : `; changed since then: ${changed.join("; ")}`;
      throw new RunError(
        `Cannot resume from ${checkpoint.path}: ${file} holds other tensors than this run trains${since}.`,
        {
          cure: changed.length === 0
            ? "Resume with the config in the run's own folder, or start a new run."
            : "start a new run with the changed config, or take these changes back",
        },
      );
    }
    noGrad(() => {
      for (const [name, tensor] of tensors) {
        using stored = weights.load(name);
        tensor.copy_(stored);
      }
    });
  }
  return checkpoint.step;
}

/** Opens a file of a checkpoint. @throws {WeightsError} if it is damaged, with what to do about a checkpoint */
function openPart(path: string, file: string): Weights {
  try {
    return openWeights(join(path, file));
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    const cure =
      `remove the folder "${path}": the run then goes on from the checkpoint before it, or else from its start`;
    throw new WeightsError(error.message, { cure, cause: error });
  }
}
