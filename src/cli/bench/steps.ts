/** Runs training steps of a synthetic model and measures them. */
import process from "node:process";
import { type Device, resetPeakMemory, synchronize } from "../../torch/mod.ts";
import { trainStep } from "../../train/mod.ts";
import type { StepShape } from "./shape.ts";
import { makeSynthetic, type StepDraw, type SyntheticOptions, type SyntheticTrainee } from "./synthetic.ts";

/** A model whose steps are timed one by one. Owns it. */
export class StepBench implements Disposable {
  readonly #synthetic: SyntheticTrainee;
  readonly #device: Device;
  #step = 0;

  constructor(shape: StepShape, options: SyntheticOptions) {
    this.#device = options.device;
    this.#synthetic = makeSynthetic(shape, options);
    if (options.device !== "cpu") resetPeakMemory(options.device);
  }

  /** How many numbers are trained. */
  get numTrainable(): number {
    return [...this.#synthetic.trainee.trained.params.values()].reduce((sum, param) => sum + param.numel, 0);
  }

  /** What chance decides in the next step. */
  get nextDraw(): StepDraw {
    return this.#synthetic.drawOf(this.#step);
  }

  /** Takes the next step. `cpuSeconds` is the processor time of all threads. */
  run(): { seconds: number; cpuSeconds: number; loss: number } {
    const { trainee, batch } = this.#synthetic;
    synchronize(this.#device);
    const from = performance.now(), cpuFrom = process.cpuUsage();
    const { loss } = trainStep(trainee, { step: this.#step++, batchAt: batch });
    synchronize(this.#device);
    const { user, system } = process.cpuUsage(cpuFrom);
    return { seconds: (performance.now() - from) / 1000, cpuSeconds: (user + system) / 1e6, loss };
  }

  [Symbol.dispose](): void {
    this.#synthetic[Symbol.dispose]();
  }
}
