/** What a sample may start from: a picture, or latents in a file. */
import { ConfigError, WeightsError } from "../../base/mod.ts";
import { probe, readFrames } from "../../media/mod.ts";
import { fromBytes, type Tensor, tidy } from "../../torch/mod.ts";
import { SafetensorsFile } from "../../weights/mod.ts";

/**
 * The name of the tensor that holds the latents of a file: `latents`, or the only one there is.
 * @throws {WeightsError} if the choice is open
 */
function latentsName(file: SafetensorsFile): string {
  const names = [...file.entries.keys()];
  const [only] = names;
  if (names.includes("latents")) return "latents";
  if (only !== undefined && names.length === 1) return only;
  throw new WeightsError(
    `Cannot start from the latents in "${file.path}": it holds ${names.length} tensors, none is called latents`,
    { cure: "name the tensor `latents`, or leave it alone in its file" },
  );
}

/** Latents as a file holds them, in float32. @throws {WeightsError} if the file is damaged or holds no latents */
export function readLatents(path: string): Tensor {
  using file = SafetensorsFile.open(path);
  return file.read(latentsName(file), { dtype: "float32" });
}

/** Width and height of a picture, or of a clip's frames. @throws {DataError} if it cannot be read */
export async function imageSize(path: string): Promise<{ width: number; height: number }> {
  const { width, height } = await probe(path, { timestamps: false });
  return { width, height };
}

/**
 * A picture, or a clip's first frame, scaled to cover a size and cut to it.
 * @returns [1, 3, H, W] float32 in [−1, 1]
 * @throws {DataError} if it cannot be read
 */
export async function readImage(path: string, size: { width: number; height: number }): Promise<Tensor> {
  const { width, height } = size;
  const { pixels } = await readFrames(path, { width, height, fps: 1, numFrames: 1 });
  return tidy(() =>
    fromBytes(pixels, { shape: [1, height, width, 3], dtype: "uint8" }).permute([0, 3, 1, 2]).float().div(127.5).sub(1)
      .contiguous()
  );
}

/** Refuses a picture for a model that cannot begin with one. */
export function checkTakesImage(variant: { readonly title: string; readonly perTokenTimesteps: boolean }): void {
  if (variant.perTokenTimesteps) return;
  throw new ConfigError(`Cannot give ${variant.title} a first frame: it makes videos from text alone`, {
    cure: "leave --image out, or take a model that knows pictures",
  });
}
