/** Writes down how a video is made. */
import type { ModelFiles } from "../../wan/mod.ts";
import { VERSION } from "../../base/mod.ts";
import type { LoraChoice } from "./lora.ts";
import type { Order } from "./orders.ts";
import { type Recipe, type RecipeFile, recipeFile, recipeText } from "./recipe.ts";

/** What all videos of a call share. */
export interface SharedRecipe {
  /** As it was named. */
  readonly model: string | ModelFiles;
  readonly variant: string;
  readonly loras: readonly LoraChoice[];
  readonly embeddings: readonly string[];
  readonly device: string;
  readonly dtype: Recipe["dtype"];
  readonly blocks: Recipe["blocks"];
}

/** The text for an order's comment; each file is hashed once. */
export function recipeOf(shared: SharedRecipe): (order: Order) => string {
  const { variant, device, dtype, blocks } = shared;
  const known = new Map<string, RecipeFile>();
  const file = (path: string): RecipeFile => {
    const found = known.get(path) ?? recipeFile(path);
    known.set(path, found);
    return found;
  };
  const model = modelOf(shared.model, { variant, file });
  const loras = shared.loras.map(({ path, strength, expert }) => ({ ...file(path), strength, expert }));
  const embeddings = shared.embeddings.map(file);
  return ({ prompt, settings, codec, sources: { image, lastImage, initialLatents } }) =>
    recipeText({
      ...{ wantune: VERSION, prompt, ...settings, codec, device, dtype, blocks, model },
      loras: loras.length === 0 ? undefined : loras,
      embeddings: embeddings.length === 0 ? undefined : embeddings,
      image: image === undefined ? undefined : file(image),
      lastImage: lastImage === undefined ? undefined : file(lastImage),
      initialLatents: initialLatents === undefined ? undefined : file(initialLatents),
    });
}

/** A model as a recipe names it. */
function modelOf(
  named: string | ModelFiles,
  { variant, file }: { variant: string; file: (path: string) => RecipeFile },
): Recipe["model"] {
  const { folder, ...parts }: ModelFiles = typeof named === "string" ? { folder: named } : named;
  const files = Object.entries(parts).flatMap(([name, path]) => path === undefined ? [] : [[name, file(path)]]);
  return {
    variant,
    ...(folder === undefined ? {} : file(folder)),
    ...(files.length === 0 ? {} : { files: Object.fromEntries(files) }),
  };
}
