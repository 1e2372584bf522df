/** Pictures that a video is to begin with: read for sampling, and what samples of a run need of them. */
import { ConfigError } from "../base/mod.ts";
import type { SampleConfig } from "../config/mod.ts";
import { probe, readFrames } from "../media/mod.ts";
import { fromBytes, type Tensor, tidy } from "../torch/mod.ts";
import { fitPicture, type ImageInput, type Variant } from "../wan/mod.ts";

/** Width and height of a picture, or of a clip's frames. @throws {DataError} if it cannot be read */
export async function imageSize(path: string): Promise<{ width: number; height: number }> {
  const { width, height } = await probe(path, { timestamps: false });
  return { width, height };
}

/**
 * A picture, or a clip's first frame, brought to a size as the model's release does it.
 * @returns [1, 3, H, W] float32 in [−1, 1]
 * @throws {DataError} if it cannot be read
 */
export async function readImage(
  path: string,
  size: { width: number; height: number; image?: ImageInput },
): Promise<Tensor> {
  const { width, height } = await imageSize(path);
  const { pixels } = await readFrames(path, { width, height, fps: 1, numFrames: 1 });
  return tidy(() => {
    const picture = fromBytes(pixels, { shape: [1, height, width, 3], dtype: "uint8" }).permute([0, 3, 1, 2]).float()
      .div(127.5).sub(1);
    return fitPicture(picture, { ...size, image: size.image ?? "first-frame" });
  });
}

/**
 * Checks that a run's samples have the pictures that its model needs.
 * @throws {ConfigError} if they are missing, of no use to the model, or as many as neither one nor the prompts
 */
export function checkSamplePictures(
  sample: SampleConfig | undefined,
  { title, image }: Pick<Variant, "title" | "image">,
): void {
  if (sample === undefined) return;
  const { images, prompts } = sample;
  const refuse = (fact: string, cure: string): ConfigError => new ConfigError(`Cannot make samples: ${fact}`, { cure });
  if (images === undefined && image === "channels") {
    throw refuse(`${title} makes videos from a picture`, "name one in sample.images, or one for each prompt");
  }
  if (images !== undefined && image === "none") {
    throw refuse(`${title} makes videos from text alone`, "leave sample.images out");
  }
  if (images !== undefined && images.length !== 1 && images.length !== prompts.length) {
    throw refuse(
      `there are ${images.length} pictures for ${prompts.length} prompts`,
      "give one for all, or one for each",
    );
  }
}
