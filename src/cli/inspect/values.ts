/** What the numbers of a tensor are like, looked at in pieces, so that a model larger than memory can be. */
import { isFloating, noGrad, type Tensor, tidy } from "../../torch/mod.ts";

/** Numbers looked at at a time. */
const PIECE = 1 << 22;

/** Above these, weights are hardly those of a working model. Chosen: published WAN weights stay below a tenth of them. */
const HUGE_RMS = 100, HUGE_VALUE = 1e5;

/** A tensor's values. */
export interface Values {
  /** NaN and infinities. */
  readonly numNotFinite: number;
  /** Of the finite ones; 0 if there are none. */
  readonly largest: number;
  readonly rms: number;
}

/** What is wrong with a tensor. */
export type Suspicion = "not finite" | "all zero" | "huge";

/** Looks at every number; undefined for tensors of whole numbers. */
export function valuesOf(tensor: Tensor): Values | undefined {
  if (!isFloating(tensor.dtype)) return undefined;
  return noGrad(() => {
    using flat = tensor.reshape([tensor.numel]);
    let numNotFinite = 0, largest = 0, squares = 0;
    for (let at = 0; at < flat.numel; at += PIECE) {
      const length = Math.min(PIECE, flat.numel - at);
      tidy(() => {
        const piece = flat.narrow(0, at, length).to({ dtype: "float32" });
        const finite = piece.isfinite();
        const numFinite = finite.float().to({ dtype: "float64" }).sum().item();
        numNotFinite += length - numFinite;
        const known = numFinite === length ? piece : piece.maskedFill(finite.logicalNot(), 0);
        largest = Math.max(largest, known.abs().amax().item());
        squares += known.to({ dtype: "float64" }).square().sum().item();
      });
    }
    const numFinite = Math.max(1, flat.numel - numNotFinite);
    return { numNotFinite, largest, rms: Math.sqrt(squares / numFinite) };
  });
}

/** What is suspicious about values, if anything. */
export function suspicionOf({ numNotFinite, largest, rms }: Values): Suspicion | undefined {
  if (numNotFinite > 0) return "not finite";
  if (largest === 0) return "all zero";
  return rms > HUGE_RMS || largest > HUGE_VALUE ? "huge" : undefined;
}
