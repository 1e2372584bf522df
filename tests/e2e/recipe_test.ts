import assert from "node:assert/strict";
import { copyFileSync, cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readComment } from "../../src/media/mod.ts";
import { tidy } from "../../src/torch/mod.ts";
import { SafetensorsFile } from "../../src/weights/mod.ts";
import { compareCase, openCase } from "../support/golden.ts";
import { CLIPS } from "../support/media.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { useTorch } from "../support/torch.ts";
import { assertRefused, MODEL, withWorkplace } from "../support/workplace.ts";

await useTorch();

const SOLVER = ["--solver-order", "3", "--solver-type", "bh1", "--corrector", "off", "--sigmas", "official"];
const SMALL = ["--width", "64", "--height", "64", "--frames", "5", "--steps", "2"];

Deno.test("sample: golden pipeline_t2v_lora, two experts with a LoRA and a guidance each", () =>
  withWorkplace(async ({ folder, run }) => {
    const dir = join(ownGoldenDir(), "cases", "pipeline_t2v_lora");
    const golden = openCase(dir);
    const wanted = z.looseObject({ prompt: z.string(), negative_prompt: z.string() }).parse(golden.json.arguments);
    const loras = z.object({ transformer: z.string(), transformer_2: z.string() }).parse(golden.json.loras);
    const tensors = join(folder, "dog.safetensors");
    const { code, stderr } = await run([
      ...["sample", "--model", golden.checkpoint, "--prompt", wanted.prompt],
      ...["--negative-prompt", wanted.negative_prompt, "--steps", "4", "--guidance", "5", "--guidance-low", "3"],
      ...["--text-length", "64"],
      ...["--high-lora", join(dir, loras.transformer), "--low-lora", join(dir, loras.transformer_2)],
      ...["--initial-latents", join(dir, "inputs.safetensors"), "--out", "dog.gif", "--save-tensors", tensors],
    ]);
    assert.equal(code, 0, stderr);
    tidy(() => {
      using file = SafetensorsFile.open(tensors);
      const outputs = { latents: file.read("latents"), frames: file.read("frames") };
      compareCase(dir, { outputs: { ...outputs, latents_per_step: golden.tensor("outputs", "latents_per_step") } });
    });
  }));

Deno.test("sample --from: a video says how it was made, and is made again byte for byte", () =>
  withWorkplace(async ({ folder, run }) => {
    cpSync(MODEL, join(folder, "model"), { recursive: true });
    copyFileSync(join(CLIPS, "still_cat.jpg"), join(folder, "cat.jpg"));
    const sample = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await run(["sample", ...args]);
      assert.equal(code, 0, stderr);
    };
    const first = ["--model", "model", "--prompt", 'a "cat"', ...SMALL, "--seed", "7", "--image", "cat.jpg"];
    first.push("--steps", "3"); // the fewest at which a correction is felt
    await sample(...first, "--guidance", "3", ...SOLVER, "--out", "a.webm", "--codec", "vp9");
    const again = await run(["sample", "--from", "a.webm", "--out", "b.webm", "--compare", "a.webm"]);
    assert.match(again.stdout, /\nbeside a\.webm: equal\n$/, again.stderr);
    const said = await run(["inspect", "b.webm"]);
    assert.match(said.stdout, /what {6}a video made by wantune [^\n]*\n {2}wantune: .*\n {2}prompt: a "cat"\n/);
    assert.deepEqual(Deno.readFileSync(join(folder, "b.webm")), Deno.readFileSync(join(folder, "a.webm")));
    await sample("--from", "a.webm", "--out", "pictures", "--seed", "8");
    assert.equal(readdirSync(join(folder, "pictures")).length, 6);
    await sample("--from", "pictures", "--out", "c.mp4");
    const recipe = JSON.parse(await readComment(join(folder, "c.mp4")) ?? "");
    const { prompt, seed, steps, guidanceScale, codec, image } = recipe;
    assert.deepEqual([prompt, seed, steps, guidanceScale, codec], ['a "cat"', 8, 3, 3, "h264"]);
    const { solver, solverOrder, solverType, corrector, sigmas } = recipe;
    assert.deepEqual([solver, solverOrder, solverType, corrector, sigmas], ["unipc", 3, "bh1", false, "official"]);
    const other = ["--out", "d.webm", "--corrector", "on", "--compare", "a.webm", "--json"];
    const { stdout } = await run(["sample", "--from", "a.webm", ...other]);
    const { comparison: { psnr, ssim } } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    assert.ok(psnr > 10 && psnr < 60 && ssim < 1 && ssim > 0, stdout);
    assert.equal(image.path, "cat.jpg");
    assert.match(image.hash, /^[0-9a-f]{64}$/);

    writeFileSync(join(folder, "cat.jpg"), Deno.readFileSync(join(CLIPS, "still_cat.jpg")).slice(0, -1));
    assertRefused(await run(["sample", "--from", "a.webm"]), 3, /cat\.jpg is not what it was\. Name what .* --image/);
    Deno.renameSync(join(folder, "model"), join(folder, "elsewhere"));
    assertRefused(await run(["sample", "--from", "a.webm"]), 3, /model does not exist\. Name what .* --model/);
    const foreign = join(CLIPS, "coin_pen_audio.mp4");
    assertRefused(await run(["sample", "--from", foreign]), 3, /does not say how it was made/);
  }));

Deno.test("sample --prompts: one video a line, each with what it asks for, and seeds counting up", () =>
  withWorkplace(async ({ folder, run }) => {
    writeFileSync(
      join(folder, "prompts.txt"),
      '# mine\n\na cat -- --seed 3 --out "the cat.gif"\n{"prompt": "a dog", "batch": 2, "guidanceLow": 1}\n',
    );
    const sample = ["sample", "--model", MODEL, "--prompts", "prompts.txt", ...SMALL, "--guidance", "1", "--json"];
    assertRefused(await run(sample), 2, /Cannot guide the low-noise expert/);
    writeFileSync(
      join(folder, "prompts.txt"),
      'a cat -- --seed 3 --out "the cat.gif"\n{"prompt": "a dog", "batch": 2, "frames": 1}\n',
    );
    const { code, stdout, stderr } = await run([...sample, "--out", "new/x.mp4", "--text-length", "2"]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /"warning",.*a dog.* has \d+ tokens, its end included, and the model reads 2: the rest is left out/,
    );
    const results = stdout.trimEnd().split("\n").map((line) => JSON.parse(line)).filter(({ path }) => path);
    assert.deepEqual(
      results.map(({ path, prompt, seed, numFrames }) => [path.slice(folder.length + 1), prompt, seed, numFrames]),
      [["the cat.gif", "a cat", 3, 5], ["new/x-2-0.mp4", "a dog", 0, 1], ["new/x-2-1.mp4", "a dog", 1, 1]],
    );
    assert.deepEqual(readdirSync(join(folder, "new")).sort(), [
      "x-2-0.mp4",
      "x-2-0.mp4.json",
      "x-2-1.mp4",
      "x-2-1.mp4.json",
    ]);

    writeFileSync(join(folder, "wrong.txt"), 'a cat -- --sed 3\n-- --seed 3\n{"prompt": "x", "seed": "y"}\n');
    const wrong = ["sample", "--model", MODEL, "--prompts", "wrong.txt"];
    assertRefused(
      await run(wrong),
      2,
      /line 1: unknown option '--sed' \(Did you mean --seed\?\); line 2: it has no prompt; line 3: .*whole number/,
    );
    assertRefused(await run(["sample", "--model", MODEL]), 2, /no prompt was given\. Say what is to be seen/);
    assertRefused(await run(["sample", "--prompt", "x"]), 2, /no model was named/);
  }));

Deno.test("sample --embedding: a learned token changes the video, and the recipe names its file", () =>
  withWorkplace(async ({ folder, run }) => {
    const dir = join(ownGoldenDir(), "cases", "embedding_token");
    const { checkpoint } = openCase(dir);
    for (const form of ["diffusers", "params"]) {
      copyFileSync(join(dir, `embedding_${form}.safetensors`), join(folder, `<golden-style>${form}.safetensors`));
    }
    const make = async (name: string, ...args: string[]): Promise<Uint8Array> => {
      const { code, stderr } = await run([
        ...["sample", ...args, "--out", `${name}.gif`, "--save-tensors", `${name}.safetensors`],
      ]);
      assert.equal(code, 0, stderr);
      return Deno.readFileSync(join(folder, `${name}.gif`));
    };
    const prompt = ["--model", checkpoint, "--prompt", "a dog, <golden-style>", ...SMALL];
    const learned = ["--embedding", "<golden-style>diffusers.safetensors"];
    const first = await make("first", ...prompt, ...learned);
    assert.deepEqual(await make("again", "--from", "first.gif"), first);
    const recipes = await Promise.all(["first", "plain"].map(async (name) => {
      if (name === "plain") await make("plain", ...prompt);
      return JSON.parse(await readComment(join(folder, `${name}.gif`)) ?? "");
    }));
    assert.equal(recipes[0].embeddings[0].path, learned[1]);
    assert.equal(recipes[1].embeddings, undefined);
    const [learnt, plain] = ["first", "plain"].map((name) => Deno.readFileSync(join(folder, `${name}.safetensors`)));
    assert.notDeepEqual(learnt, plain);
    const unnamed = ["--embedding", "<golden-style>params.safetensors"];
    assertRefused(await run(["sample", ...prompt, ...unnamed]), 2, /no prompt has its token <golden-style>params\./);
  }));
