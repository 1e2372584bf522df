/**
 * The training loop: wishes, step, and what happens once in a while. It knows no command line and no server; events go
 * out by one function, wishes come in by another that is asked between steps.
 */
import { join } from "node:path";
import { messageOf, WantuneError } from "../base/mod.ts";
import type { Emit } from "../events/mod.ts";
import type { RunFolder, Wish } from "../runs/mod.ts";
import { wholeCheckpoints } from "../runs/mod.ts";
import { type Device, deviceMemory, type Tensor } from "../torch/mod.ts";
import type { ClipBatch } from "./batch.ts";
import { updateState, useAverages } from "./average.ts";
import { loadCheckpoint, pruneCheckpoints, saveCheckpoint, type TrainState } from "./checkpoint.ts";
import { saveOutputs } from "./outputs.ts";
import { hasSamples, type MadeSample, makeSamples } from "./sample.ts";
import { readBatch, type Session, setUp } from "./setup.ts";
import { trainStep } from "./step.ts";
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
    using session = await setUp(folder.config, { emit, signal });
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
  const { folder, emit, wishes, signal } = options;
  const { config, dataset, trainees } = session;
  const { train, save } = config;
  const state = stateOf(session);
  const order = { steps: trainees.map((trainee) => trainee.config.train.steps), switchEvery: train.switchEvery };
  const numSteps = order.steps.reduce((sum, steps) => sum + steps, 0);
  const latest = options.resume ? folder.latestCheckpoint() : undefined;
  const first = latest === undefined ? 0 : loadCheckpoint(latest, { configHash: folder.configHash, state });
  const { fingerprint } = dataset;
  if (typeof latest?.manifest.dataFingerprint === "string" && latest.manifest.dataFingerprint !== fingerprint) {
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
    totalSteps: numSteps,
    ...(latest === undefined ? {} : { resumedFrom: first }),
  });

  const batches = { batchSize: train.batchSize, seed: train.seed, captionDropout: config.data.captionDropout };
  const batchesPerEpoch = dataset.batchesPerEpoch(batches);
  let savedAt = first, sampledAt = -1, lastHeartbeat = -Infinity;
  const checkpoint = (step: number): void => {
    if (savedAt === step && step > 0) return;
    const saved = saveCheckpoint(folder.checkpointsDir, {
      step,
      configHash: folder.configHash,
      dataFingerprint: fingerprint,
      state,
    });
    pruneCheckpoints(wholeCheckpoints(folder.checkpointsDir), save.keep);
    savedAt = step;
    emit({ type: "checkpoint", step, ...saved });
    if (save.intermediate && step > 0 && step < numSteps) {
      emit({ type: "lora", paths: saveOutputs(session, { folder: stepFolder(folder.outputsDir, step), step }) });
    }
  };
  const { sample: wanted } = config;
  const samplesDue = (step: number): boolean =>
    wanted !== undefined && (step % wanted.everySteps === 0 || step === numSteps);
  const sample = async (step: number): Promise<void> => {
    if (sampledAt === step) return;
    sampledAt = step;
    const onSample = (made: MadeSample): void => options.observer?.onSample?.(made);
    using _ = useAverages(trainees);
    try {
      await makeSamples(session, { step, folder: folder.samplesDir, emit, onSample, signal });
    } catch (error) {
      if (!isStop(error, signal)) throw error;
    }
  };

  options.observer?.onReady?.(session);
  // After a resume only those that the end of the process before came between.
  const made = first > 0 && hasSamples(folder.samplesDir, { step: first, count: wanted?.prompts.length ?? 0 });
  if (samplesDue(first) && !made) await sample(first);
  let step = first;
  for (const turn of turns(order).drop(first)) {
    if (performance.now() - lastHeartbeat > HEARTBEAT_MS) {
      folder.heartbeat();
      lastHeartbeat = performance.now();
    }
    for (const wish of await settled(wishes, folder)) {
      if (wish === "save") checkpoint(step);
      else if (wish === "sample") await sample(step);
      else if (wish === "stop") {
        checkpoint(step);
        return "stopped";
      }
    }
    const from = performance.now();
    const trainee = trainees[turn.expert] as Trainee;
    takeTurn(trainee, trainees);
    const batchAt = (microStep: number): ClipBatch => readBatch(session, { microStep, ...batches });
    const result = trainStep(trainee, { step, ownStep: turn.step, batchAt });
    const seconds = (performance.now() - from) / 1000;
    const done = ++step;
    emit({
      type: "step",
      step: done,
      ...(trainee.expert === "only" ? {} : { expert: trainee.expert }),
      epoch: done * train.gradientAccumulation / batchesPerEpoch,
      ...result,
      seconds,
      samplesPerSecond: train.batchSize * train.gradientAccumulation / seconds,
      memory: memoryNow(session.device),
    });
    if (done % save.everySteps === 0 || done === numSteps) checkpoint(done);
    if (samplesDue(done)) await sample(done);
    await breathe();
  }
  using _ = useAverages(trainees);
  options.observer?.onTrained?.(session);
  const paths = saveOutputs(session, { folder: folder.outputsDir, step });
  emit({ type: "lora", paths });
  return "done";
}

/** Where the results of a step go. */
function stepFolder(outputs: string, step: number): string {
  return join(outputs, `step-${String(step).padStart(8, "0")}`);
}

/** Whether an error says no more than that a stop was wished. */
function isStop(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && error === signal.reason;
}

/** What a checkpoint of a session holds; where two experts are trained, each tensor under its expert's name. */
function stateOf({ trainees }: Session): TrainState {
  const all = (pick: (trainee: Trainee) => ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
    new Map(trainees.flatMap((trainee) => {
      const prefix = trainee.expert === "only" ? "" : `${trainee.expert}.`;
      return [...pick(trainee)].map(([name, tensor]): [string, Tensor] => [prefix + name, tensor]);
    }));
  return { params: all(({ trained }) => trained.params), optimizer: all(updateState) };
}

/** The wishes to act on now; while a pause is wished this waits, and a stop ends the pause. */
async function settled(wishes: () => readonly Wish[], folder: RunFolder): Promise<Wish[]> {
  const settled: Wish[] = [];
  let paused = false;
  do {
    for (const wish of wishes()) {
      if (wish === "pause") paused = true;
      else if (wish === "resume" || wish === "stop") paused = false;
      if (wish !== "pause" && wish !== "resume") settled.push(wish);
    }
    if (paused) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_POLL_MS));
      folder.heartbeat();
    }
  } while (paused);
  return settled;
}

/** Lets signals and timers through between two steps: native calls block the event loop. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function memoryNow(device: Device): { residentBytes: number; deviceBytes?: number } {
  const residentBytes = Deno.memoryUsage().rss;
  return device === "cpu" ? { residentBytes } : { residentBytes, deviceBytes: deviceMemory(device).allocated };
}
