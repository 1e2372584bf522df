import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { recipeFile } from "../../src/cli/sample/recipe.ts";
import { repeated } from "../../src/cli/sample/repeat.ts";
import { withFolder } from "../support/tmp.ts";

/** What an older wantune wrote into its videos. */
const OLD = {
  ...{ wantune: "0.1.0", prompt: "a cat", negativePrompt: "", width: 64, height: 64, numFrames: 5, fps: 8, steps: 2 },
  ...{ guidanceScale: 3, shift: 5, solver: "unipc", seed: 7, codec: "h264", dtype: "auto", device: "auto" },
  model: { variant: "ti2v-5b" },
};

/** A folder of pictures, as far as its recipe goes. */
function pictures(folder: string, recipe: object): string {
  const path = join(folder, "pictures");
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "comment.json"), JSON.stringify(recipe));
  return path;
}

Deno.test("a recipe of a time before the solver's options is repeated as it was", () =>
  withFolder(async (folder) => {
    const { wishes } = await repeated(pictures(folder, OLD), {});
    assert.deepEqual([wishes.prompt, wishes.solver, wishes.seed], ["a cat", "unipc", 7]);
    const { solverOrder, solverType, corrector, sigmas } = wishes;
    assert.deepEqual([solverOrder, solverType, corrector, sigmas], [undefined, undefined, undefined, undefined]);
  }));

Deno.test("the seed of a recipe does not count where noise is given, then or now", () =>
  withFolder(async (folder) => {
    const noise = join(folder, "n.safetensors");
    writeFileSync(noise, "noise");
    assert.equal((await repeated(pictures(folder, OLD), { initialLatents: noise })).wishes.seed, undefined);
    const { wishes } = await repeated(pictures(folder, { ...OLD, initialLatents: recipeFile(noise) }), {});
    assert.deepEqual([wishes.seed, wishes.initialLatents], [undefined, noise]);
  }));

Deno.test("files are found from another folder, by the video's own or one above it, and only if they are the same", () =>
  withFolder(async (folder) => {
    const write = (...names: string[]): void => writeFileSync(join(folder, ...names), "a picture");
    mkdirSync(join(folder, "out"));
    write("cat.png");
    const hash = recipeFile(join(folder, "cat.png")).hash;
    const lora = { path: "x.safetensors", hash, strength: 0.5 };
    const recipe = {
      ...OLD,
      image: { path: "cat.png", hash },
      loras: [lora],
      model: { ...OLD.model, path: "m", hash },
    };
    const video = pictures(join(folder, "out"), recipe);
    await assert.rejects(repeated(video, {}), /m does not exist/);
    write("m");
    write("out", "x.safetensors");
    const found = await repeated(video, {});
    const { model, loras: [first], wishes: { image } } = found;
    const here = (...names: string[]): string => relative("", join(folder, ...names));
    assert.deepEqual([model.model, first?.path, first?.strength], [here("m"), here("out", "x.safetensors"), 0.5]);
    assert.equal(image, here("cat.png"));
    writeFileSync(join(folder, "out", "cat.png"), "another picture");
    assert.equal((await repeated(video, {})).wishes.image, here("cat.png"));
    writeFileSync(join(folder, "cat.png"), "another picture");
    await assert.rejects(repeated(video, {}), /cat\.png is not what it was/);
    assert.equal((await repeated(video, { image: "dog.png" })).wishes.image, undefined);
  }));

Deno.test("another solver does not take over what was said of the recipe's", () =>
  withFolder(async (folder) => {
    const video = pictures(folder, { ...OLD, solverOrder: 3, solverType: "bh1", corrector: false, sigmas: "official" });
    const of = async (options: { solver?: "euler" | "unipc" }): Promise<unknown[]> => {
      const { solverOrder, solverType, corrector, sigmas } = (await repeated(video, options)).wishes;
      return [solverOrder, solverType, corrector, sigmas];
    };
    assert.deepEqual(await of({}), [3, "bh1", false, "official"]);
    assert.deepEqual(await of({ solver: "unipc" }), [3, "bh1", false, "official"]);
    assert.deepEqual(await of({ solver: "euler" }), [undefined, undefined, undefined, "official"]);
  }));
