/**
 * Rotary position embedding over latent frames, rows and columns. Letters: B batch, L tokens, N heads, D head width,
 * F H W latent frames, rows and columns after patching.
 */
import { cat, complex, type Device, dims, type Tensor, tensor, tidy } from "../../torch/mod.ts";

const THETA = 10000;

/** How D splits into channels for (time, height, width): height and width get 2⌊D/6⌋ each, time the rest. */
export function ropeSplit(headDim: number): [number, number, number] {
  const side = 2 * Math.floor(headDim / 6);
  return [headDim - 2 * side, side, side];
}

/**
 * The rotations of every token, exp(i · position · θ_j) with θ_j = 10000^(−2j/n) for each axis of n channels. Angles run
 * in float64, the table is complex64.
 * @returns [1, L, 1, D/2] complex64, tokens in frame, row, column order
 * Source: huggingface/diffusers transformer_wan.py, WanRotaryPosEmbed; Wan-Video/Wan2.2 wan/modules/model.py, rope_params
 */
export function ropeTable(
  grid: readonly [number, number, number],
  options: { headDim: number; device: Device },
): Tensor {
  const { headDim, device } = options;
  const axes = ropeSplit(headDim).map((channels, axis) => {
    const length = grid[axis] as number;
    const pairs = channels / 2;
    const cosine = new Float32Array(length * pairs), sine = new Float32Array(length * pairs);
    for (let position = 0; position < length; position++) {
      for (let j = 0; j < pairs; j++) {
        const angle = position * Math.pow(THETA, -2 * j / channels);
        cosine[position * pairs + j] = Math.cos(angle);
        sine[position * pairs + j] = Math.sin(angle);
      }
    }
    // [length, pairs], placed on its own axis of the grid
    const shape = [1, 1, 1, pairs];
    shape[axis] = length;
    return { cosine, sine, shape };
  });
  return tidy(() => {
    const [F, H, W] = grid;
    const table = (part: "cosine" | "sine"): Tensor => {
      const spread = axes.map((axis) =>
        tensor(axis[part], { shape: axis.shape }).expand([F, H, W, axis.shape[3] as number])
      );
      return cat(spread, -1).reshape([1, F * H * W, 1, headDim / 2]);
    };
    return complex(table("cosine"), table("sine")).to({ device });
  });
}

/**
 * Rotates queries or keys; channels 2j and 2j+1 form one complex number. Computed in float32.
 * @param x [B, L, N, D]
 * @param table [1, L, 1, D/2] complex64, from `ropeTable`
 * @returns [B, L, N, D] in x's dtype
 * Source: huggingface/diffusers transformer_wan.py, WanAttnProcessor.apply_rotary_emb
 */
export function applyRope(x: Tensor, table: Tensor): Tensor {
  const { B, L, N, D } = dims(x, "B L N D");
  const pairs = x.inType("float32").reshape([B, L, N, D / 2, 2]).viewAsComplex();
  return pairs.mul(table).viewAsReal().flatten(3).inType(x.dtype);
}
