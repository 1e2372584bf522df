/** From what a step found to the record of it: pace, operations, memory. */
import type { EventBody } from "../events/mod.ts";
import { type Device, deviceMemory } from "../torch/mod.ts";
import { TEXT_LENGTH, type TrainedSize, trainingFlops } from "../wan/mod.ts";
import { peakFlops } from "./peak.ts";
import type { Session } from "./setup.ts";
import type { StepResult } from "./step.ts";
import type { Trainee } from "./trainee.ts";

/** The `step` event. */
type StepRecord = Extract<EventBody, { type: "step" }>;

/** Makes the records of a run's steps. */
export class Meter {
  readonly #device: Device;
  readonly #peak: number | undefined;
  readonly #sizes: ReadonlyMap<Trainee, TrainedSize>;

  constructor({ trainees, device, dtype }: Pick<Session, "trainees" | "device" | "dtype">) {
    this.#device = device;
    this.#peak = peakFlops(device, dtype);
    this.#sizes = new Map(trainees.map((trainee) => [trainee, sizeOf(trainee)]));
  }

  /** The record of a step. @param options.step counted from 1 @param options.seconds that it took in all */
  record(
    trainee: Trainee,
    { result, ...options }: { result: StepResult; step: number; epoch: number; seconds: number },
  ): StepRecord {
    const { clips, error: _error, ...found } = result;
    const { seconds } = options;
    const trained = this.#sizes.get(trainee) ?? {};
    const flops = clips.reduce(
      (sum, { tokens }) => sum + trainingFlops(trainee.model.config, { tokens, textTokens: TEXT_LENGTH, trained }),
      0,
    );
    return {
      type: "step",
      ...options,
      ...found,
      ...(trainee.expert === "only" ? {} : { expert: trainee.expert }),
      clips: clips.map(({ sigma, loss }) => ({ sigma, loss })),
      samplesPerSecond: clips.length / seconds,
      tokensPerSecond: clips.reduce((sum, { tokens }) => sum + tokens, 0) / seconds,
      flops,
      ...(this.#peak === undefined ? {} : { utilisation: flops / seconds / this.#peak }),
      memory: memoryNow(this.#device),
    };
  }
}

/** Numbers that are trained on the transformer, by what they cost. */
function sizeOf({ trained, config: { method } }: Trainee): TrainedSize {
  const params = method.kind === "full" ? trained.params : trained.adapters?.params;
  const numbers = [...params?.values() ?? []].reduce((sum, param) => sum + param.numel, 0);
  return method.kind === "full" ? { own: numbers } : { adapter: numbers };
}

function memoryNow(device: Device): StepRecord["memory"] {
  const { allocated, peak } = deviceMemory(device);
  return {
    ...{ residentBytes: Deno.memoryUsage().rss, ...residentPeak() },
    ...{ deviceBytes: allocated, devicePeakBytes: peak },
  };
}

/** The most memory that the process ever held, where the system tells. */
function residentPeak(): { residentPeakBytes?: number } {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB/m.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
    return kibibytes === undefined ? {} : { residentPeakBytes: Number(kibibytes) * 1024 };
  } catch {
    return {}; // not Linux
  }
}
