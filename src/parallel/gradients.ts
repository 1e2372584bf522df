/** Gradients between backward and update: summed over micro-steps, measured, clipped. */
import { freeAll, norms, ops, stack, type Tensor, tidy, unscoped } from "../torch/mod.ts";

/** Sums gradients by the tensor they belong to. */
export class GradientStore implements Disposable {
  readonly #params: readonly Tensor[];
  readonly #sums = new Map<Tensor, Tensor>();

  /** @param params the trained tensors, in the order in which everything else lists them */
  constructor(params: readonly Tensor[]) {
    this.#params = params;
  }

  /**
   * Adds a gradient, which the caller gives up. The first one is taken over; it is copied where others have its elements too, as
   * autograd may give two parameters one tensor, and clipping works in place.
   */
  add(param: Tensor, gradient: Tensor): void {
    const sum = this.#sums.get(param);
    if (sum !== undefined) sum.add_(gradient);
    else this.#sums.set(param, unscoped(() => gradient.isSole ? gradient.alias() : gradient.clone()));
  }

  /** The gradients in the order of the parameters. @throws {TypeError} if one is missing */
  all(): Tensor[] {
    return this.#params.map((param, i) => {
      const sum = this.#sums.get(param);
      if (sum === undefined) throw new TypeError(`no gradient reached trained tensor ${i} [${param.shape.join(", ")}]`);
      return sum;
    });
  }

  /** Forgets the sums: the next gradient starts anew. */
  clear(): void {
    freeAll(this.#sums.values());
    this.#sums.clear();
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** The L2 norm of all gradients together, a float32 scalar on their device. Source: torch.nn.utils.get_total_norm */
export function totalNorm(gradients: readonly Tensor[]): Tensor {
  return tidy(() => stack(norms(gradients)).norm());
}

/**
 * Scales gradients in place so that their norm is at most `maxNorm`: by min(1, maxNorm / (norm + 1e-6)). The factor stays
 * on the device. Source: torch.nn.utils.clip_grads_with_norm_
 */
export function clipGradients(gradients: readonly Tensor[], options: { norm: Tensor; maxNorm: number }): void {
  tidy(() => {
    const factor = options.norm.add(1e-6).reciprocal().mul(options.maxNorm).clamp(undefined, 1);
    ops._foreach_mul_Tensor_(gradients.map((gradient) => gradient.handle), factor.handle);
  });
}
