/** What every optimizer is to its caller. */
import type { Tensor } from "../torch/mod.ts";

/** Updates the tensors it was made for, in place; owns what it remembers of earlier gradients. */
export interface Optimizer extends Disposable {
  /** One update. @param gradients in the order of the parameters */
  step(gradients: readonly Tensor[], learningRate: number): void;
  /** What a checkpoint holds, by name. The optimizer keeps owning it; copying values into it resumes a run. */
  state(): Map<string, Tensor>;
}
