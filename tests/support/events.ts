/** One event of every kind. */

import type { EventBody } from "../../src/events/mod.ts";

/** The `step` event of an update. */
export function stepEvent(step: number, loss = 1 / step): EventBody {
  return {
    type: "step",
    step,
    epoch: 0,
    loss,
    gradNorm: 0.5,
    learningRate: 1e-4,
    seconds: 0.25,
    samplesPerSecond: 4,
    memory: { residentBytes: 1024 },
  };
}

/** The event with which a run begins. */
export function startEvent(totalSteps: number, resumedFrom?: number): EventBody {
  const body = {
    type: "run.started",
    configHash: "c0",
    version: "0.1.0",
    device: "cpu",
    numTrainable: 8,
    totalSteps,
  } as const;
  return resumedFrom === undefined ? body : { ...body, resumedFrom };
}

/** One example of each kind, both outcomes of a file included. */
export const EXAMPLES: readonly EventBody[] = [
  startEvent(10),
  startEvent(10, 4),
  { type: "stage", stage: "encoding", done: 1, total: 3, item: "a.mp4" },
  {
    type: "file",
    path: "a.mp4",
    status: "used",
    windows: 1,
    frames: 17,
    fps: 24,
    width: 96,
    height: 64,
    crop: { x: 0, y: 2, width: 96, height: 64 },
  },
  {
    type: "data",
    used: 1,
    rejected: 1,
    ignored: 0,
    items: 2,
    seconds: 4.5,
    secondsUsed: 4,
    buckets: [{ bucket: "96x64x17", items: 2, shown: 4 }],
  },
  { type: "file", path: "b.mp4", status: "rejected", code: "empty_file", reason: "it is empty", cure: "copy it again" },
  stepEvent(1),
  {
    type: "noise",
    experts: [{ expert: "high", range: [0.9, 1], share: 0.25, shift: 5, bins: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1] }],
  },
  {
    type: "validation",
    step: 5,
    loss: 0.5,
    best: true,
    experts: [{ expert: "only", loss: 0.5, sigmas: [{ sigma: 0.25, loss: 0.5 }] }],
    numClips: 2,
    seconds: 1.5,
  },
  { type: "pause", step: 5, paused: true },
  { type: "sample", step: 5, path: "samples/5.mp4", prompt: "a cat", seed: 0 },
  { type: "checkpoint", step: 5, path: "checkpoints/5", bytes: 99 },
  { type: "outputs", paths: ["outputs/cat.safetensors"] },
  { type: "warning", message: "slow disk", cure: "use another" },
  { type: "run.ended", status: "failed", error: "no memory", exitCode: 4, seconds: 3.5 },
];
