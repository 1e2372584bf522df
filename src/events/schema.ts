/**
 * What can happen in a run: records that say what happened, never how to draw it. Every event carries the run's id, a
 * number `seq` that grows by one, and the time. `specs/events.md` is the promise to readers.
 */

import { z } from "zod";

const envelope = { run: z.string().min(1), seq: z.int().min(1), at: z.iso.datetime() };
const step = z.int().min(0);
const bytes = z.int().min(0);

/** The work that a `stage` event reports on. */
export const stageNames = ["loading", "probing", "encoding", "training", "validating", "sampling", "saving"] as const;

const runStarted = z.strictObject({
  type: z.literal("run.started"),
  ...envelope,
  /** Hash of the config that the run follows. */
  configHash: z.string(),
  /** Version of wantune. */
  version: z.string(),
  device: z.string(),
  /** Numbers that training changes. */
  numTrainable: z.int().min(0),
  totalSteps: z.int().min(1),
  /** The checkpoint's step when the run goes on; absent when it starts. What came after that step no longer counts. */
  resumedFrom: step.optional(),
  /** Settings that are others from here on than before. */
  changes: z.array(z.strictObject({
    /** Dotted path in the config. */
    path: z.string(),
    /** As JSON; absent when it was not or is no longer set. */
    from: z.unknown().optional(),
    to: z.unknown().optional(),
    /** What follows from it, in words. */
    effect: z.string(),
  })).optional(),
});

/** An expert of the model: the only one, or one of two. */
const expert = z.enum(["only", "high", "low"]);
const sigmaLoss = z.strictObject({ sigma: z.number().min(0).max(1), loss: z.number() });

const noise = z.strictObject({
  type: z.literal("noise"),
  ...envelope,
  /** How an expert's noise levels will be drawn. */
  experts: z.array(z.strictObject({
    expert,
    /** Noise levels that can be drawn, lowest and highest. */
    range: z.tuple([z.number(), z.number()]),
    /** The share of the whole law that falls into the range; like the shift a mean where that goes by the size of clips. */
    share: z.number(),
    shift: z.number(),
    /** The expert's share of draws in each tenth of the noise levels, 0 to 0.1 first. */
    bins: z.array(z.number()),
  })),
});

const model = z.strictObject({
  type: z.literal("model"),
  ...envelope,
  /** Its folder, or that it is given as separate files. */
  name: z.string(),
  variant: z.string(),
  title: z.string(),
  /** What was found in each part's files, one sentence each. */
  parts: z.array(z.strictObject({ part: z.string(), path: z.string(), sentence: z.string() })),
});

const plan = z.strictObject({
  type: z.literal("plan"),
  ...envelope,
  /** Whose blocks they are; absent where there is one expert. */
  expert: z.enum(["high", "low"]).optional(),
  /** The plan in a sentence. */
  text: z.string(),
  /** What each transformer block keeps where, in order. */
  blocks: z.array(z.strictObject({
    graph: z.enum(["keep", "recompute"]),
    weights: z.enum(["resident", "streamed", "mapped"]),
    inputs: z.enum(["device", "host"]),
  })),
  /** The most that a step is expected to take: on the card, or resident on the host. */
  peakBytes: bytes,
  /** What the run may take; absent where that is not known. */
  budgetBytes: bytes.optional(),
  fits: z.boolean(),
});

const stage = z.strictObject({
  type: z.literal("stage"),
  ...envelope,
  stage: z.enum(stageNames),
  /** Units done and units in all: files, steps, bytes; done = total ends the stage. */
  done: z.number().min(0),
  total: z.number().min(0),
  /** What is being worked on just now. */
  item: z.string().optional(),
});

const fileUsed = z.strictObject({
  type: z.literal("file"),
  ...envelope,
  path: z.string(),
  status: z.literal("used"),
  /** How many windows of the file are shown; the rest of the record is about the first. */
  windows: z.int().min(1),
  /** Frames of a window, after resampling to `fps`. */
  frames: z.int().min(1),
  fps: z.number().positive(),
  /** How much faster than in reality things move; absent for the real speed. */
  speed: z.number().positive().optional(),
  /** Size after scaling and cropping, in pixels. */
  width: z.int().min(1),
  height: z.int().min(1),
  /** The part of the picture that is kept, in pixels of the scaled picture; absent when nothing is cut off. */
  crop: z.strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }).optional(),
});

const fileRejected = z.strictObject({
  type: z.literal("file"),
  ...envelope,
  path: z.string(),
  status: z.literal("rejected"),
  /** The line, counted from 1, where the path is a list of captions. */
  line: z.int().min(1).optional(),
  /** A word that does not change: `empty_file`, `missing_caption`. */
  code: z.string(),
  reason: z.string(),
  cure: z.string().optional(),
});

const data = z.strictObject({
  type: z.literal("data"),
  ...envelope,
  /** Files in use, and those left out. */
  used: z.int().min(0),
  rejected: z.int().min(0),
  /** Files of no concern. */
  ignored: z.int().min(0),
  /** Windows and stills. */
  items: z.int().min(0),
  /** Of the used clips, and of it what is shown. */
  seconds: z.number().min(0),
  secondsUsed: z.number().min(0),
  /** The largest first; `shown` counts an item as often as it comes up in an epoch. */
  buckets: z.array(z.strictObject({ bucket: z.string(), items: z.int().min(1), shown: z.int().min(1) })),
});

const stepDone = z.strictObject({
  type: z.literal("step"),
  ...envelope,
  /** The optimizer update just made, counted from one. */
  step: z.int().min(1),
  /** Which of two experts was updated; absent where there is one. */
  expert: z.enum(["high", "low"]).optional(),
  epoch: z.number().min(0),
  loss: z.number(),
  /** Global norm of the gradients before clipping. */
  gradNorm: z.number().min(0),
  learningRate: z.number().min(0),
  /** The noise level and the unweighted loss of each clip. */
  clips: z.array(sigmaLoss).optional(),
  /** Time that this step took. */
  seconds: z.number().min(0),
  /** Its parts, in seconds. */
  times: z.strictObject({
    data: z.number().min(0),
    forward: z.number().min(0),
    backward: z.number().min(0),
    update: z.number().min(0),
  }).optional(),
  samplesPerSecond: z.number().min(0),
  tokensPerSecond: z.number().min(0).optional(),
  /** Floating-point operations that the model needed. */
  flops: z.number().min(0).optional(),
  /** The share of the device's peak that they came to. */
  utilisation: z.number().min(0).optional(),
  memory: z.strictObject({
    residentBytes: bytes,
    residentPeakBytes: bytes.optional(),
    deviceBytes: bytes.optional(),
    devicePeakBytes: bytes.optional(),
  }),
});

const validation = z.strictObject({
  type: z.literal("validation"),
  ...envelope,
  step,
  /** Mean over the experts. */
  loss: z.number(),
  /** Whether it is the lowest so far. */
  best: z.boolean(),
  experts: z.array(z.strictObject({ expert, loss: z.number(), sigmas: z.array(sigmaLoss) })),
  numClips: z.int().min(1),
  seconds: z.number().min(0),
});

const pause = z.strictObject({
  type: z.literal("pause"),
  ...envelope,
  /** Updates made so far. */
  step,
  /** False when the run goes on. */
  paused: z.boolean(),
});

const sample = z.strictObject({
  type: z.literal("sample"),
  ...envelope,
  step,
  path: z.string(),
  prompt: z.string(),
  seed: z.int(),
  /** Time that making it took. */
  seconds: z.number().min(0).optional(),
});

const checkpoint = z.strictObject({ type: z.literal("checkpoint"), ...envelope, step, path: z.string(), bytes });

const outputs = z.strictObject({ type: z.literal("outputs"), ...envelope, paths: z.array(z.string()) });

const warning = z.strictObject({
  type: z.literal("warning"),
  ...envelope,
  message: z.string(),
  cure: z.string().optional(),
});

const runEnded = z.strictObject({
  type: z.literal("run.ended"),
  ...envelope,
  status: z.enum(["done", "stopped", "failed"]),
  error: z.string().optional(),
  /** Why a run that is done took fewer steps than it was to take. */
  early: z.string().optional(),
  exitCode: z.int().min(0).max(255),
  /** Time since this process's run.started. */
  seconds: z.number().min(0),
});

/** Schema of every event, for those that come from a file or another process. */
export const eventSchema = z.discriminatedUnion("type", [
  runStarted,
  noise,
  model,
  plan,
  stage,
  z.discriminatedUnion("status", [fileUsed, fileRejected]),
  data,
  stepDone,
  validation,
  pause,
  sample,
  checkpoint,
  outputs,
  warning,
  runEnded,
]);

/** Something that happened in a run. */
export type RunEvent = z.output<typeof eventSchema>;
/** The words for kinds of events. */
export type EventType = RunEvent["type"];
/** The event of one kind. */
export type EventOf<T extends EventType> = Extract<RunEvent, { type: T }>;
/** An event before the run, its number and the time are added: what code that reports writes. */
export type EventBody = RunEvent extends infer E ? E extends RunEvent ? Omit<E, "run" | "seq" | "at"> : never : never;
/** Where reports go. */
export type Emit = (body: EventBody) => void;
