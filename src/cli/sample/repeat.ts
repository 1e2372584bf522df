/** Making a video again: its recipe as options, and the check that nothing it was made from has changed. */
import { extname } from "node:path";
import { videoForm } from "../../media/mod.ts";
import type { LoraChoice } from "./lora.ts";
import { type ModelWishes, PART_FLAGS, PART_NAMES } from "../model/files.ts";
import { findSame, readRecipe, type Recipe, type RecipeFile, wishesOf } from "./recipe.ts";
import type { VideoWishes } from "./wishes.ts";

/** What a recipe says. */
export interface Repeated {
  readonly wishes: VideoWishes & { readonly prompt: string };
  /** What of the recipe's model, LoRAs and learned tokens still holds. */
  readonly model: ModelWishes;
  readonly loras: readonly LoraChoice[];
  readonly embeddings: readonly string[];
  readonly device: string;
  readonly dtype: Recipe["dtype"];
  readonly blocks: Recipe["blocks"];
  /** Of the video's name. */
  readonly ending: string;
}

/** The folder and the files of a recipe's model, each with the option that names it. */
function modelFiles(
  { path, hash, files = {} }: Recipe["model"],
): { name: keyof ModelWishes; file: RecipeFile; flag: string }[] {
  const folder = path === undefined || hash === undefined
    ? []
    : [{ name: "model" as const, file: { path, hash }, flag: "--model" }];
  const parts = PART_NAMES.flatMap((name) => {
    const file = files[name];
    return file === undefined ? [] : [{ name, file, flag: PART_FLAGS[name] }];
  });
  return [...folder, ...parts];
}

/** What was said anew, and so need not be what it was. */
interface Replaced extends VideoWishes, ModelWishes {
  readonly lora?: readonly string[];
  readonly highLora?: readonly string[];
  readonly lowLora?: readonly string[];
  readonly embedding?: readonly string[];
}

/** What was said of a solver holds for no other one. */
const OTHER_SOLVER = { solverOrder: undefined, solverType: undefined, corrector: undefined };

/**
 * Reads how a video was made.
 * @throws {DataError} if it does not say so, or a file that it was made from is gone or another one
 */
export async function repeated(video: string, options: Replaced): Promise<Repeated> {
  const recipe = await readRecipe(video);
  const { model, loras = [], embeddings = [], image, lastImage, initialLatents, device, dtype, blocks } = recipe;
  const hasNewModel = options.model !== undefined;
  const isNew = [options.lora, options.highLora, options.lowLora].some((files) => files !== undefined);
  const find = (file: RecipeFile | undefined, flag: string, isReplaced: boolean): string | undefined =>
    file === undefined || isReplaced ? undefined : findSame(file, { video, flag });
  const parts = modelFiles(model)
    .filter(({ name }) => !hasNewModel && options[name] === undefined)
    .map(({ name, file, flag }) => [name, findSame(file, { video, flag })] as const);
  const isSameSolver = options.solver === undefined || options.solver === recipe.solver;
  const ending = extname(video);
  const wishes = {
    ...wishesOf(recipe),
    ...(isSameSolver ? {} : OTHER_SOLVER),
    ...(options.initialLatents === undefined ? {} : { seed: undefined }),
    image: find(image, "--image", options.image !== undefined),
    lastImage: find(lastImage, "--last-image", options.lastImage !== undefined),
    initialLatents: find(initialLatents, "--initial-latents", options.initialLatents !== undefined),
  };
  const isSameForm = options.out === undefined || videoForm(options.out) === videoForm(video);
  return {
    model: Object.fromEntries(parts),
    loras: isNew ? [] : loras.map((file) => ({ ...file, path: findSame(file, { video, flag: "--lora" }) })),
    embeddings: options.embedding === undefined
      ? embeddings.map((file) => findSame(file, { video, flag: "--embedding" }))
      : [],
    ...{ device, dtype, blocks, ending },
    wishes: isSameForm ? wishes : { ...wishes, codec: undefined },
  };
}
