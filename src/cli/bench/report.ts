/** What a benchmark found, as one record: medians of a few steps of one shape. */
import { type Device, deviceMemory, synchronize } from "../../torch/mod.ts";
import { peakFlops } from "../../train/mod.ts";
import { trainingFlops } from "../../wan/mod.ts";
import { type StepShape, tokensOf, transformerOf } from "./shape.ts";
import { StepBench } from "./steps.ts";
import type { StepDraw, SyntheticOptions } from "./synthetic.ts";

/** A shape's steps, measured. */
export interface StepReport {
  readonly shape: StepShape;
  readonly device: Device;
  readonly threads: number;
  /** Median seconds of a step; the first, which warms up, does not count. */
  readonly secondsPerStep: number;
  readonly tokensPerSecond: number;
  /** Floating-point operations a second that the model needs; what is computed again to save memory does not count. */
  readonly flopsPerSecond: number;
  /** Their share of what the device can do. */
  readonly utilisation: number;
  /** The most memory held during the steps: on a card what tensors took, on the host the whole process. */
  readonly peakBytes: number;
  readonly numTrainable: number;
  /** What each step took and gave, the first included: other programs can be held against it. */
  readonly steps: readonly (StepDraw & { readonly loss: number; readonly seconds: number })[];
}

/** Takes a warm-up step and `steps` more of a shape. */
export function measureShape(
  shape: StepShape,
  options: SyntheticOptions & { threads: number },
): StepReport {
  const { device, threads, steps } = options;
  using bench = new StepBench(shape, { ...options, steps: steps + 1 });
  resetPeak();
  const taken = Array.from({ length: steps + 1 }, () => {
    const draw = bench.nextDraw;
    const { loss, seconds } = bench.run();
    return { ...draw, loss, seconds };
  });
  const secondsPerStep = median(taken.slice(1).map(({ seconds }) => seconds));
  const { numTrainable } = bench;
  const trained = shape.method === "full" ? { own: numTrainable } : { adapter: numTrainable };
  const flops = trainingFlops(transformerOf(shape), { ...tokensOf(shape), trained });
  synchronize(device);
  return {
    ...{ shape, device, threads, secondsPerStep, numTrainable },
    tokensPerSecond: tokensOf(shape).tokens / secondsPerStep,
    flopsPerSecond: flops / secondsPerStep,
    utilisation: flops / secondsPerStep / peakFlops(device, shape.dtype),
    peakBytes: device === "cpu" ? residentPeak() : deviceMemory(device).peak,
    steps: taken,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2)];
  return ((sorted[low] as number) + (sorted[high] as number)) / 2;
}

/** Starts the process's peak anew, where the system lets it: making the weights takes more than a step may. */
function resetPeak(): void {
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  } catch {
    // not Linux: the peak is that of the whole run
  }
}

/** The most memory that the process held. */
function residentPeak(): number {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB/m.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
    return Number(kibibytes) * 1024;
  } catch {
    return Deno.memoryUsage().rss;
  }
}
