/** What every optimizer is to its caller. */
import type { Tensor } from "../torch/mod.ts";

/** Updates the tensors it was made for, in place; owns what it remembers of earlier gradients. */
export interface Optimizer extends Disposable {
  /** One update. @param gradients in the order of the parameters */
  step(gradients: readonly Tensor[], learningRate: number): void;
  /** What a checkpoint holds, by name. The optimizer keeps owning it; copying values into it resumes a run. */
  state(): Map<string, Tensor>;
  /** Factor on the learning rate that it finds by itself, as the next step uses it: a scalar on the device, not to be freed. */
  readonly ownRate?: Tensor | undefined;
  /** The weights to sample from and to save; absent where these are the parameters themselves. */
  readonly average?: WeightAverage | undefined;
}

/** Averaged weights that stand beside those that are trained. */
export interface WeightAverage {
  /** Writes the averages into tensors like the parameters, in their order and any type. */
  copyTo(targets: readonly Tensor[]): void;
}
