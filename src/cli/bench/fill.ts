/** Numbers that any program can make: what weights and inputs of a benchmark hold. */
import { arange, type DType, type Tensor, tidy } from "../../torch/mod.ts";

/** sin(0.37 · i + index) · scale for the i-th element, computed in float64. */
export function fill(
  shape: readonly number[],
  { index, scale, dtype = "float32" }: { index: number; scale: number; dtype?: DType },
): Tensor {
  return tidy(() => {
    const values = arange(shape.reduce((product, size) => product * size, 1), { dtype: "float64" });
    values.mul_(0.37);
    values.add_(index);
    return values.sin().mul(scale).to({ dtype }).reshape(shape);
  });
}
