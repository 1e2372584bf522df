/** A video made, as files. */
import { type VideoCodec, writeFigures, writeVideo } from "../../media/mod.ts";
import { toPixels } from "../../train/mod.ts";
import { type Generated } from "../../wan/mod.ts";
import { saveSafetensors } from "../../weights/mod.ts";
import type { SampleSettings } from "./settings.ts";

/** Where a video goes and what is written into it. */
export interface SaveVideoOptions {
  readonly path: string;
  /** A safetensors file for the normalised latents [1, C, T, h, w] and the frames [1, F, 3, H, W] in [0, 1], float32 */
  readonly tensorsPath?: string | undefined;
  readonly settings: SampleSettings;
  readonly codec: VideoCodec | undefined;
  /** The recipe's text. */
  readonly comment: string;
  readonly signal: AbortSignal;
}

/**
 * Writes the video, with what it was made from in its comment, its figures beside it, and the tensors where they are wanted.
 * Each file appears whole or not at all; the same numbers give the same bytes.
 * @throws {DiskError} if the disk refuses
 */
export async function saveVideo({ latents, frames }: Generated, options: SaveVideoOptions): Promise<void> {
  const { path, tensorsPath, settings: { width, height, fps }, codec, comment, signal } = options;
  if (tensorsPath !== undefined) saveSafetensors(tensorsPath, { latents, frames }, { dtype: "float32" });
  const pixels = toPixels(frames);
  await writeVideo(path, pixels, { width, height, fps, codec, comment, signal });
  writeFigures(path, pixels, { width, height });
}
