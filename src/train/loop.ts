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
import { begin } from "./begin.ts";
import type { Change } from "./changes.ts";
import { loadCheckpoint, stateOf, type TrainState } from "./checkpoint.ts";
import { type Journal, lossLimit, rememberStep } from "./journal.ts";
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
    const status = await loop(session, options);
    emit({ type: "run.ended", status, exitCode: status === "done" ? 0 : 130, seconds: seconds() });
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

async function loop(session: Session, options: TrainOptions): Promise<TrainStatus> {
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
  const taken = trainees.map(({ expert }) => journal.taken?.[expert] ?? 0);
  for (const turn of turns({ steps, switchEvery: train.switchEvery, taken })) {
    if (occasions.isStale) break;
    if (performance.now() - lastHeartbeat > HEARTBEAT_MS) {
      folder.heartbeat();
      lastHeartbeat = performance.now();
    }
    for (const wish of await settled(step, options)) {
      if (wish === "save") occasions.checkpoint(step);
      else if (wish === "sample") await occasions.sample(step);
      else if (wish === "stop") {
        occasions.checkpoint(step);
        return "stopped";
      }
    }
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
  return "done";
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
  const save = (place: { folder: string; step: number }): void => {
    using _ = useAverages(session.trainees);
    if (place.step === step) observer?.onTrained?.(session);
    emit({ type: "outputs", paths: saveOutputs(session, place) });
  };
  save({ folder: folder.outputsDir, step });
  const { validation } = journal;
  const best = wholeCheckpoints(folder.checkpointsDir).find((checkpoint) => checkpoint.step === validation?.best?.step);
  if (best === undefined || best.step === step) return;
  loadCheckpoint(best, { configHashes: folder.configHashes, state });
  save({ folder: join(folder.outputsDir, "best"), step: best.step });
}

/** How the steps of a session ask for their data. */
function batchesOf({ config: { train, data } }: Session): BatchOptions {
  return { batchSize: train.batchSize, seed: train.seed, captionDropout: data.captionDropout };
}

/** The wishes to act on now; while a pause is wished this waits, and a stop ends the pause. */
async function settled(step: number, { wishes, folder, emit }: TrainOptions): Promise<Wish[]> {
  const settled: Wish[] = [];
  let paused = false as boolean;
  do {
    const before: boolean = paused;
    for (const wish of wishes()) {
      if (wish === "pause") paused = true;
      else if (wish === "resume" || wish === "stop") paused = false;
      if (wish !== "pause" && wish !== "resume") settled.push(wish);
    }
    if (paused !== before) emit({ type: "pause", step, paused });
    if (paused) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_POLL_MS));
      folder.heartbeat();
    }
  } while (paused);
  return settled;
}
