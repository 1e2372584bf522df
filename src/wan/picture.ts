/** From a picture to a video that shows it: which size the video gets, and how the picture is brought to it. */
import { dims, type Tensor, tidy } from "../torch/mod.ts";
import { resizePicture } from "./resize.ts";
import type { ImageInput } from "./variant.ts";

/** Width and height in pixels. */
export interface Sides {
  readonly width: number;
  readonly height: number;
}

/** What a model that is given pictures needs to say about itself. */
export interface PictureModel {
  readonly variant: { readonly image: ImageInput };
  /** Pixels that sides must be multiples of. */
  readonly spatialDivisor: number;
}

/**
 * The size of a video that begins with a picture: of about the given area and the picture's shape, and never larger.
 * I2V rounds both sides down on their own; TI2V takes one side first and gives the other what area is left, whichever way
 * comes nearer to the picture's shape.
 * @param options.area in pixels, such as 1280 · 720
 * Source: Wan-Video/Wan2.2 wan/image2video.py, generate; wan/utils/utils.py, best_output_size
 */
export function sizeForPicture(model: PictureModel, options: { picture: Sides; area: number }): Sides {
  const { picture, area } = options;
  const shape = picture.width / picture.height;
  const [width, height] = [Math.sqrt(area * shape), Math.sqrt(area / shape)];
  const whole = (side: number): number => Math.max(1, Math.floor(side / model.spatialDivisor)) * model.spatialDivisor;
  if (model.variant.image === "channels") return { width: whole(width), height: whole(height) };
  const widthFirst = { width: whole(width), height: whole(area / whole(width)) };
  const heightFirst = { width: whole(area / whole(height)), height: whole(height) };
  const off = ({ width, height }: Sides): number => Math.max(shape / (width / height), width / height / shape);
  return off(widthFirst) < off(heightFirst) ? widthFirst : heightFirst;
}

/**
 * A picture in a video's size, as the model's release does it: I2V is given the whole picture, stretched by what its shape
 * is off; TI2V what the video shows when the picture covers it.
 * @param picture [B, 3, H, W] in [−1, 1]
 * @returns [B, 3, height, width] float32
 * Source: Wan-Video/Wan2.2 wan/image2video.py, wan/textimage2video.py, generate and i2v
 */
export function fitPicture(picture: Tensor, options: Sides & { image: ImageInput }): Tensor {
  const { width, height, image } = options;
  if (image === "channels") return resizePicture(picture, { width, height, filter: "bicubic" });
  const { H, W } = dims(picture, "_ 3 H W");
  const scale = Math.max(width / W, height / H);
  const [coverWidth, coverHeight] = [Math.round(W * scale), Math.round(H * scale)];
  return tidy(() =>
    resizePicture(picture, { width: coverWidth, height: coverHeight, filter: "lanczos" }).clamp(-1, 1)
      .narrow(2, Math.floor((coverHeight - height) / 2), height)
      .narrow(3, Math.floor((coverWidth - width) / 2), width).contiguous()
  );
}
