/** Everything that a video was made from, kept in its comment, so that it can be made again. */
import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { z } from "zod";
import { DataError } from "../../base/mod.ts";
import { readComment } from "../../media/mod.ts";
import { PART_NAMES } from "../model/files.ts";
import { fingerprint } from "./files.ts";
import type { SampleSettings } from "./settings.ts";
import type { VideoWishes } from "./wishes.ts";

const fileSchema = z.object({ path: z.string(), hash: z.string() });
const loraSchema = fileSchema.extend({
  strength: z.number(),
  expert: z.enum(["high", "low"]).optional(),
});

/** A folder and its hash, or the parts that have files of their own, or both. */
const modelSchema = fileSchema.partial().extend({
  variant: z.string(),
  files: z.partialRecord(z.enum(PART_NAMES), fileSchema).optional(),
});

const recipeSchema = z.looseObject({
  wantune: z.string(),
  prompt: z.string(),
  negativePrompt: z.string(),
  width: z.int(),
  height: z.int(),
  numFrames: z.int(),
  fps: z.number(),
  steps: z.int(),
  guidanceScale: z.number(),
  lowNoiseGuidanceScale: z.number().optional(),
  shift: z.number(),
  textLength: z.int().optional(),
  solver: z.enum(["unipc", "euler", "dpm++"]),
  solverOrder: z.int().optional(),
  solverType: z.enum(["bh1", "bh2"]).optional(),
  corrector: z.boolean().optional(),
  sigmas: z.enum(["diffusers", "official"]).optional(),
  seed: z.int(),
  codec: z.enum(["h264", "h265", "vp9", "av1"]).optional(),
  dtype: z.enum(["auto", "float32", "bfloat16"]),
  device: z.string(),
  /** Where the blocks' weights were: memory of another alignment may be summed in another order. */
  blocks: z.enum(["resident", "streamed", "mapped"]).optional(),
  model: modelSchema,
  loras: z.array(loraSchema).optional(),
  embeddings: z.array(fileSchema).optional(),
  image: fileSchema.optional(),
  lastImage: fileSchema.optional(),
  initialLatents: fileSchema.optional(),
});

/** What a video was made from. */
export type Recipe = z.infer<typeof recipeSchema>;
/** A file with the hash of its content, see `fingerprint`. */
export type RecipeFile = z.infer<typeof fileSchema>;

/** A file as a recipe names it: the path as it was given. */
export function recipeFile(path: string): RecipeFile {
  return { path, hash: fingerprint(path) };
}

/** The comment of a video. Members that are undefined are left out. */
export function recipeText(recipe: Omit<Recipe, keyof SampleSettings> & SampleSettings): string {
  return JSON.stringify(recipe);
}

/**
 * Reads the recipe of a video.
 * @throws {DataError} if it cannot be read or carries none
 */
export async function readRecipe(path: string): Promise<Recipe> {
  const comment = await readComment(path);
  const parsed = recipeSchema.safeParse(comment === undefined ? undefined : jsonOf(comment));
  if (parsed.success) return parsed.data;
  throw new DataError(`Cannot repeat "${path}": it does not say how it was made`, {
    cure: "take a video that `wantune sample` wrote and no other program has changed",
  });
}

/**
 * Finds a file that is still what it was: where the recipe says, seen from here, or from a folder that the video lies in. So a
 * video that was moved along with its files, or is repeated from another folder, finds them, and no recipe need tell where on
 * a disk a folder is.
 * @returns its path, a relative one as seen from here
 * @throws {DataError} if it is gone or has changed
 */
export function findSame(file: RecipeFile, options: { video: string; flag: string }): string {
  const { video, flag } = options;
  const places = isAbsolute(file.path)
    ? []
    : foldersAbove(video).map((folder) => relative("", join(folder, file.path)));
  const existing = [file.path, ...places].filter((path) => existsSync(path));
  const same = existing.find((path) => fingerprint(path) === file.hash);
  if (same !== undefined) return same;
  const fact = existing.length === 0 ? "does not exist" : "is not what it was";
  throw new DataError(`Cannot repeat "${video}": ${file.path} ${fact}`, {
    cure: `name what is to take its place with ${flag}`,
  });
}

/** The folder of a video, the one above it, and on. */
function foldersAbove(video: string): string[] {
  const folder = dirname(resolve(video));
  return [folder, ...(folder === dirname(folder) ? [] : foldersAbove(folder))];
}

/** A recipe's settings as wishes, files aside; where the noise was given, its seed says nothing. */
export function wishesOf(recipe: Recipe): VideoWishes & { prompt: string } {
  const { numFrames: frames, guidanceScale: guidance, lowNoiseGuidanceScale: guidanceLow } = recipe;
  const { prompt, negativePrompt, width, height, fps, steps, shift, textLength, solver, seed, codec } = recipe;
  const { solverOrder, solverType, corrector, sigmas } = recipe;
  return {
    ...{ prompt, negativePrompt, width, height, frames, fps, steps, guidance, guidanceLow, shift, textLength },
    ...{ solver, solverOrder, solverType, corrector, sigmas, codec },
    seed: recipe.initialLatents === undefined ? seed : undefined,
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
