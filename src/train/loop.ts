/**
 * The training loop: wishes, step, and what happens once in a while. It knows no command line and no server; events go
 * out by one function, wishes come in by another that is asked between steps.
 */
import { join } from "node:path";
import { messageOf, WantuneError } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import type { BatchOptions, Dataset } from "../data/mod.ts";
import type { Emit } from "../events/mod.ts";
import type { RunFolder, Wish } from "../runs/mod.ts";
import { wholeCheckpoints } from "../runs/mod.ts";
import { useAverages } from "./average.ts";
import type { ClipBatch } from "./batch.ts";
import { begin, stepsTaken } from "./begin.ts";
import type { Change } from "./changes.ts";
import { loadCheckpoint, stateOf, type TrainState } from "./checkpoint.ts";
import { type Journal, journalOf, lossLimit, rememberStep, type StepsTaken } from "./journal.ts";
import { judgeStep } from "./judge.ts";
import { Meter } from "./meter.ts";
import { breathe, isStop, Occasions } from "./occasions.ts";
import { saveOutputs } from "./outputs.ts";
import type { MadeSample } from "./sample.ts";
import { readBatch, type Session, setUp } from "./setup.ts";
import { type StepNumbers, type StepResult, trainStep } from "./step.ts";
import { takeTurn, type Trainee } from "./trainee.ts";
import { turns } from "./turns.ts";

/** How a run ended, when it was not by an error. */
export type TrainStatus = "done" | "stopped";

/** That, and why it took fewer steps than it was to take, where it is done nevertheless. */
interface Ending {
  readonly status: TrainStatus;
  readonly early?: string | undefined;
}

/** Whoever wants to look at tensors and pixels, which events do not carry. */
export interface TrainObserver {
  /** Before the first step. */
  onReady?(session: Session): void;
  /** After each sample. */
  onSample?(made: MadeSample): void;
  /** After the last step. */
  onTrained?(session: Session): void;
}

export interface TrainOptions {
  /** The run's folder, locked by this process. */
  readonly folder: RunFolder;
  readonly emit: Emit;
  /** What is wished since the last time it was asked. */
  readonly wishes: () => readonly Wish[];
  /** Cuts short what is not a step: preparing the clips, making a sample. The wish to stop comes by `wishes` as well. */
  readonly signal?: AbortSignal | undefined;
  /** Goes on from the newest whole checkpoint, if there is one. */
  readonly resume: boolean;
  /** What the run is to be trained with; its folder has it from when the checkpoint is known to fit. The folder's if absent. */
  readonly config?: RunConfig;
  /** Settings in it that are others than when the run was last trained. */
  readonly changes?: readonly Change[];
  readonly version: string;
  readonly observer?: TrainObserver;
}

const HEARTBEAT_MS = 2000;
const PAUSE_POLL_MS = 250;

/**
 * Trains a run from its config to its end, or until a stop is wished; then everything is saved.
 * @throws whatever ends the run early; the last event tells it, and the newest checkpoint stays whole
 */
export async function train(options: TrainOptions): Promise<TrainStatus> {
  const { emit, folder, signal } = options;
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  try {
    using session = await setUp(options.config ?? folder.config, { emit, signal, onReport: folder.keepDataReport });
    const { status, early } = await loop(session, options);
    const exitCode = status === "done" ? 0 : 130;
    emit({ type: "run.ended", status, ...(early === undefined ? {} : { early }), exitCode, seconds: seconds() });
    return status;
  } catch (error) {
    if (isStop(error, signal)) {
      emit({ type: "run.ended", status: "stopped", exitCode: 130, seconds: seconds() });
      return "stopped";
    }
    const exitCode = error instanceof WantuneError ? error.exitCode : 1;
    try {
      emit({ type: "run.ended", status: "failed", error: messageOf(error), exitCode, seconds: seconds() });
    } catch {
      // The store fails too, on a full disk for instance: the first error is the one to tell.
    }
    throw error;
  }
}

async function loop(session: Session, options: TrainOptions): Promise<Ending> {
  const { folder, emit, signal, observer } = options;
  const { config: { train }, dataset, trainees } = session;
  const steps = trainees.map((trainee) => trainee.config.train.steps);
  const numSteps = steps.reduce((sum, each) => sum + each, 0);
  const state = stateOf(session);
  const meter = new Meter(session);
  const { first, journal } = begin(session, { ...options, state, steps });
  const batches = batchesOf(session);
  const stepsPerEpoch = dataset.batchesPerEpoch(batches) / train.gradientAccumulation;
  const onSample = (made: MadeSample): void => observer?.onSample?.(made);
  const occasions = new Occasions(session, {
    ...{ folder, emit, state, journal, numSteps, stepsPerEpoch, onSample, signal, first },
  });

  observer?.onReady?.(session);
  await occasions.begin(first);
  let step = first, lastHeartbeat = -Infinity;
  let early: string | undefined;
  const taken = trainees.map(({ expert }) => journal.taken?.[expert] ?? 0);
  for (const turn of turns({ steps, switchEvery: train.switchEvery, taken })) {
    early = occasions.staleness;
    if (early !== undefined) break;
    if (performance.now() - lastHeartbeat > HEARTBEAT_MS) {
      folder.heartbeat();
      lastHeartbeat = performance.now();
    }
    if (await attend(step, { ...options, occasions })) return { status: "stopped" };
    const from = performance.now();
    const ahead = prefetchStep(dataset, step + 1, { batches, count: train.gradientAccumulation });
    const trainee = trainees[turn.expert] as Trainee;
    takeTurn(trainee, trainees);
    const result = takeStep(session, { trainee, batches, step, ownStep: turn.step, journal });
    step++;
    const seconds = (performance.now() - from) / 1000;
    emit(meter.record(trainee, { result, step, epoch: step / stepsPerEpoch, seconds }));
    await occasions.after(step);
    await ahead;
    await breathe();
  }
  occasions.checkpoint(step); // an early end is at no interval
  finish(session, { ...options, state, journal, step });
  return { status: "done", early };
}

/** Brings the data of a step into memory while the one before it is taken. */
async function prefetchStep(
  dataset: Dataset,
  step: number,
  { batches, count }: { batches: BatchOptions; count: number },
): Promise<void> {
  for (let microStep = step * count; microStep < (step + 1) * count; microStep++) {
    await dataset.prefetch(microStep, batches);
  }
}

/** Takes a step, unless its loss says that something is wrong. @throws {TorchError} naming the files of the step */
function takeStep(
  session: Session,
  options: { trainee: Trainee; batches: BatchOptions; step: number; ownStep: number; journal: Journal },
): StepResult {
  const { trainee, batches, step, ownStep, journal } = options;
  const files: string[] = [];
  const batchAt = (microStep: number): ClipBatch => {
    const batch = readBatch(session, { microStep, ...batches });
    files.push(...batch.items.map(({ path }) => path));
    return batch;
  };
  const { expert, config: { train } } = trainee;
  const limit = lossLimit(journal, { expert, ratio: train.maxLossRatio });
  const judge = (found: StepNumbers): void => judgeStep(found, { step: step + 1, limit, files });
  const result = trainStep(trainee, { step, ownStep, batchAt, judge });
  rememberStep(journal, { expert, loss: result.error });
  return result;
}

/** Writes what the run was for; where validation found an earlier step better, what was trained up to it as well. */
function finish(
  session: Session,
  options: TrainOptions & { state: TrainState; journal: Journal; step: number },
): void {
  const { folder, emit, state, journal, step, observer } = options;
  const save = (place: { folder: string; taken: StepsTaken }): void =>
    emit({ type: "outputs", paths: saveOutputs(session, place) });
  {
    using _ = useAverages(session.trainees);
    observer?.onTrained?.(session);
    save({ folder: folder.outputsDir, taken: journal.taken ?? {} });
  }
  const { validation } = journal;
  const best = wholeCheckpoints(folder.checkpointsDir).find((checkpoint) => checkpoint.step === validation?.best?.step);
  if (best === undefined || best.step === step) return;
  loadCheckpoint(best, { configHashes: folder.configHashes, state });
  const { taken = stepsTaken(session, { folder, first: best.step }) } = journalOf(best);
  using _ = useAverages(session.trainees);
  save({ folder: join(folder.outputsDir, "best"), taken });
}

/** How the steps of a session ask for their data. */
function batchesOf({ config: { train, data } }: Session): BatchOptions {
  return { batchSize: train.batchSize, seed: train.seed, captionDropout: data.captionDropout };
}

/**
 * Acts on the wishes for the moment after a step. While a pause is wished this waits and goes on acting; a stop ends it.
 * @returns whether the run is to stop; then all is saved
 */
async function attend(
  step: number,
  { wishes, folder, emit, occasions }: TrainOptions & { occasions: Occasions },
): Promise<boolean> {
  let paused = false as boolean;
  const pause = (wished: boolean): void => {
    if (paused !== wished) emit({ type: "pause", step, paused: wished });
    paused = wished;
  };
  for (;;) {
    for (const wish of wishes()) {
      if (wish === "save") occasions.checkpoint(step);
      else if (wish === "sample") await occasions.sample(step);
      else pause(wish === "pause");
      if (wish !== "stop") continue;
      occasions.checkpoint(step);
      return true;
    }
    if (!paused) return false;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_POLL_MS));
    folder.heartbeat();
  }
}
