/** Changes of colour: brightness, contrast, saturation and hue as one affine map of each pixel. */

import { type Tensor, tensor, tidy } from "../torch/mod.ts";
import type { ColorChange } from "./augment.ts";

/** Shares of red, green and blue in grey. Source: ITU-R BT.709, section 3.2 */
const [KR, KG, KB] = [0.2126, 0.7152, 0.0722] as const;

type Rgb = readonly [r: number, g: number, b: number];

/** Turns and scales a pixel's colour around its grey, in the plane of the differences of blue and red from grey. */
function turnColor([r, g, b]: Rgb, { saturation, hue }: Pick<ColorChange, "saturation" | "hue">): Rgb {
  const angle = hue * Math.PI / 180;
  const [cos, sin] = [saturation * Math.cos(angle), saturation * Math.sin(angle)];
  const grey = KR * r + KG * g + KB * b;
  const [blue, red] = [(b - grey) / (1 - KB), (r - grey) / (1 - KR)];
  const [newB, newR] = [grey + (1 - KB) * (cos * blue - sin * red), grey + (1 - KR) * (sin * blue + cos * red)];
  return [newR, (grey - KR * newR - KB * newB) / KG, newB];
}

/**
 * Changes the colours of all frames alike: hue and saturation around each pixel's grey, then contrast around mid-grey,
 * then brightness; what leaves the range is cut off.
 * @param frames [B, 3, F, H, W] float32 in [-1, 1]
 * @returns likewise
 */
export function changeColors(frames: Tensor, change: ColorChange): Tensor {
  const { brightness, contrast } = change;
  return tidy(() => {
    const columns = ([[1, 0, 0], [0, 1, 0], [0, 0, 1]] as const).map((unit) => turnColor(unit, change));
    const turn = tensor(columns.flat(), { shape: [3, 3] }).permute([1, 0]); // in [-1, 1] as well, for it keeps grey
    const [B = 1, , F = 1, H = 1, W = 1] = frames.shape;
    const flat = frames.reshape([B, 3, F * H * W]);
    return turn.matmul(flat).mul(contrast).add(2 * brightness).clamp(-1, 1).reshape([B, 3, F, H, W]);
  });
}
