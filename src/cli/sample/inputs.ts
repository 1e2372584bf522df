/** What a sample may start from: a picture, or latents in a file. */
import { ConfigError, WeightsError } from "../../base/mod.ts";
import type { Tensor } from "../../torch/mod.ts";
import type { Variant } from "../../wan/mod.ts";
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

/** Refuses pictures that a model cannot begin or end with, and their absence where it needs one. */
export function checkPictures(
  { title, image }: Pick<Variant, "title" | "image">,
  given: { image?: string | undefined; lastImage?: string | undefined },
): void {
  if (given.image !== undefined && image === "none") {
    throw new ConfigError(`Cannot give ${title} a first frame: it makes videos from text alone`, {
      cure: "leave --image out, or take a model that knows pictures",
    });
  }
  if (given.image === undefined && image === "channels") {
    throw new ConfigError(`Cannot make a video with ${title} from text alone: it needs a first frame`, {
      cure: "give it one with --image, or take a text-to-video model",
    });
  }
  if (given.lastImage !== undefined && image !== "channels") {
    throw new ConfigError(`Cannot end a video of ${title} with a picture: it knows a first frame at most`, {
      cure: "leave --last-image out, or take WAN 2.2 I2V-A14B",
    });
  }
}
