/** How the training of a run begins: from nothing, or from its newest checkpoint. */
import { RunError } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import type { RunFolder } from "../runs/mod.ts";
import type { Change } from "./changes.ts";
import { loadCheckpoint, type TrainState } from "./checkpoint.ts";
import { freshJournal, type Journal, journalOf, type StepsTaken } from "./journal.ts";
import { describeNoise } from "./noise.ts";
import type { Session } from "./setup.ts";
import type { Trainee } from "./trainee.ts";
import { turns } from "./turns.ts";

/** How it begins; the rest is as in `TrainOptions`. */
export interface BeginOptions {
  readonly folder: RunFolder;
  readonly emit: Emit;
  /** What a checkpoint is copied into. */
  readonly state: TrainState;
  /** Steps that each trainee takes in all. */
  readonly steps: readonly number[];
  readonly resume: boolean;
  readonly config?: RunConfig;
  readonly changes?: readonly Change[];
  readonly version: string;
}

/**
 * Goes back to the newest checkpoint, if the run is to go on, and tells that it begins.
 * @returns the steps taken so far, and what the run remembers of them
 * @throws {RunError} if the run cannot go on with these settings; then its folder is as it was
 */
export function begin(session: Session, options: BeginOptions): { first: number; journal: Journal } {
  const { folder, emit, state, steps, changes = [] } = options;
  const { dataset, trainees } = session;
  const latest = options.resume ? folder.latestCheckpoint() : undefined;
  const configHashes = [...folder.configHashes, folder.configHash];
  const first = latest === undefined ? 0 : loadCheckpoint(latest, { configHashes, state, changes });
  const journal = latest === undefined ? freshJournal() : journalOf(latest);
  journal.taken ??= stepsTaken(session, { folder, first });
  refuseFewerSteps(trainees, { steps, taken: journal.taken });
  if (options.config !== undefined && changes.length > 0) folder.reconfigure(options.config);
  if (typeof latest?.manifest.dataFingerprint === "string" && latest.manifest.dataFingerprint !== dataset.fingerprint) {
    emit({
      type: "warning",
      message: `clips, captions or encoders are not those that the run was trained on up to step ${first}`,
      cure: "put them back and resume again, or let it go on with what is there now",
    });
  }
  emit({
    type: "run.started",
    configHash: folder.configHash,
    version: options.version,
    device: session.device,
    numTrainable: trainees.flatMap(({ trained }) => [...trained.params.values()])
      .reduce((sum, param) => sum + param.numel, 0),
    totalSteps: steps.reduce((sum, each) => sum + each, 0),
    ...(latest === undefined ? {} : { resumedFrom: first }),
    ...(changes.length === 0 ? {} : { changes: [...changes] }),
  });
  emit(describeNoise(session));
  return { first, journal };
}

/** Steps of each expert before a checkpoint that does not say so: by what the run recorded, else as its config has them. */
export function stepsTaken(
  { trainees, config: { train: { switchEvery } } }: Session,
  { folder, first }: { folder: RunFolder; first: number },
): Record<string, number> {
  const steps = trainees.map(({ config }) => config.train.steps);
  const recorded = trainees.map(({ expert }) =>
    trainees.length === 1 ? first : folder.metrics(`loss.${expert}`).filter(({ step }) => step <= first).length
  );
  const isWhole = recorded.reduce((sum, count) => sum + count, 0) === first;
  const past = isWhole ? [] : turns({ steps, switchEvery }).take(first).toArray();
  const counts = isWhole ? recorded : trainees.map((_, i) => past.filter((turn) => turn.expert === i).length);
  return Object.fromEntries(trainees.map(({ expert }, i) => [expert, counts[i] ?? 0]));
}

/** @throws {RunError} if an expert has taken more steps than it is to take in all */
function refuseFewerSteps(
  trainees: readonly Trainee[],
  { steps, taken }: { steps: readonly number[]; taken: StepsTaken },
): void {
  trainees.forEach(({ expert }, i) => {
    const [wanted = 0, before = 0] = [steps[i], taken[expert]];
    if (before <= wanted) return;
    const whose = expert === "only" ? "the run" : `the ${expert}-noise expert`;
    throw new RunError(`Cannot go on to step ${wanted}: ${whose} has taken ${before} steps already.`, {
      cure: "ask for more steps",
    });
  });
}
