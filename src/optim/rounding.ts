/**
 * How bfloat16 parameters take updates that are computed in float32. A bfloat16 has 8 significant bits: an update below
 * 1/256 of a weight is lost by rounding to the nearest, step after step.
 */
import { Generator, randint, type Tensor } from "../torch/mod.ts";

/** The ways to bring a float32 value back into a bfloat16 parameter. */
export type Rounding =
  | { readonly kind: "nearest" }
  /** Up or down by chance, so that the expected value is the float32 one. `seedOf` names the draw of a step and tensor. */
  | { readonly kind: "stochastic"; readonly seedOf: (step: number, index: number) => bigint }
  /** What rounding takes away is kept in a second bfloat16 tensor and added in the next step. Source: arXiv:2010.06192 */
  | { readonly kind: "kahan" };

/** An optimizer that can be told how to round. Absent: to the nearest. */
export interface RoundingOptions {
  readonly rounding?: Rounding | undefined;
}

/**
 * Most random numbers that are drawn for a tensor; a larger one uses them again, along its memory. Weights so far apart
 * need no independent luck, and drawing is slower than all else in a step.
 */
const NOISE_SIZE = 2 ** 20;

/**
 * Rounds float32 to bfloat16, up with a probability of how far it is up. The low 16 bits of a float32 are what a bfloat16
 * lacks: a random 16-bit number is added to them, and they are dropped.
 * @param x float32, contiguous, finite
 * @param seed of this draw
 * @returns a bfloat16 view of fresh memory, like x
 */
export function roundStochastically(x: Tensor, seed: bigint): Tensor {
  using generator = Generator.seeded(seed, x.device);
  const size = Math.min(x.numel, NOISE_SIZE);
  const noise = randint(65536, [size], { generator, dtype: "int32" });
  const moved = x.reshape([-1]).viewAs("int32").clone();
  const whole = Math.floor(x.numel / size) * size;
  moved.narrow(0, 0, whole).view([-1, size]).add_(noise);
  if (whole < x.numel) moved.narrow(0, whole, x.numel - whole).add_(noise.narrow(0, 0, x.numel - whole));
  // [n, 2]: little-endian, the second half is the upper one
  return moved.unsqueeze(-1).viewAs("bfloat16").select(-1, 1).reshape(x.shape);
}
