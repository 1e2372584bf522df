/** What an update takes beside the optimizer's state, measured on a tensor like the largest that is trained: tensors are updated in turn. */
import type { SettledConfig } from "../../config/mod.ts";
import { type Device, type Tensor, tidy, zeros } from "../../torch/mod.ts";
import { makeOptimizer } from "../optimizer.ts";
import { above } from "./measure.ts";

/** Numbers of a matrix up to which it is measured as it is; a larger one's rows and columns are cut alike. Chosen: a second at most. */
const MOST_NUMBERS = 2 ** 22;

/** Bytes above parameters, gradients and state at most. */
export function measureUpdate(
  trained: ReadonlyMap<string, Tensor>,
  { config: { optim, train }, device }: { config: SettledConfig; device: Device },
): number {
  const [largest] = [...trained].toSorted(([, a], [, b]) => b.numBytes - a.numBytes);
  if (largest === undefined) return 0;
  const [name, { shape: whole, dtype, numel }] = largest;
  const cut = whole.length === 2 ? Math.max(1, Math.sqrt(numel / MOST_NUMBERS)) : 1;
  const shape = whole.map((size) => Math.ceil(size / cut));
  return tidy(() => {
    const [param, gradient] = [zeros(shape, { dtype, device }), zeros(shape, { dtype, device })];
    using optimizer = makeOptimizer(new Map([[name, param]]), { optim, seed: train.seed, expert: "only" });
    optimizer.step([gradient], 0); // the first one may make what stays
    const { most } = above(device, () => tidy(() => optimizer.step([gradient], 0)));
    const average = optim.ema !== undefined && dtype !== "float32" ? 4 * numel : 0; // a copy to average with
    return Math.max(most * numel / param.numel, average);
  });
}
