import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { probe } from "../../src/media/mod.ts";
import { tidy } from "../../src/torch/mod.ts";
import { SafetensorsFile } from "../../src/weights/mod.ts";
import { openModel } from "../../src/wan/mod.ts";
import { wantuneCommand } from "../support/cli.ts";
import { compareCase, openCase } from "../support/golden.ts";
import { CLIPS } from "../support/media.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { useTorch } from "../support/torch.ts";
import { assertRefused, MODEL, withWorkplace } from "../support/workplace.ts";

await useTorch();

const CASE = join(ownGoldenDir(), "cases", "pipeline_ti2v_t2v");
const SMALL = ["--model", MODEL, "--prompt", "a cat", "--width", "64", "--height", "64", "--frames", "5"];

Deno.test("sample: golden pipeline_ti2v_t2v from given latents, and the frames are those of the MP4", () =>
  withWorkplace(async ({ folder, run }) => {
    const golden = openCase(CASE);
    const wanted = z.looseObject({ prompt: z.string(), negative_prompt: z.string() }).parse(golden.json.arguments);
    const [out, tensors] = [join(folder, "new", "dog.mp4"), join(folder, "dog.safetensors")];
    const { code, stdout, stderr } = await run([
      ...["sample", "--model", golden.checkpoint, "--prompt", wanted.prompt],
      ...["--negative-prompt", wanted.negative_prompt, "--steps", "4", "--guidance", "5", "--json"],
      ...["--initial-latents", join(CASE, "inputs.safetensors"), "--out", out, "--save-tensors", tensors],
    ]);
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    assert.deepEqual([result.path, result.width, result.height, result.numFrames], [out, 96, 64, 9]);
    tidy(() => {
      using file = SafetensorsFile.open(tensors);
      assert.deepEqual([...file.entries.keys()].sort(), ["frames", "latents"]);
      const outputs = { latents: file.read("latents"), frames: file.read("frames") };
      compareCase(CASE, { outputs: { ...outputs, latents_per_step: golden.tensor("outputs", "latents_per_step") } });
    });
    const info = await probe(out);
    assert.deepEqual([info.width, info.height, info.timeline?.numFrames], [96, 64, 9]);
  }));

Deno.test("sample: a seed means the same bytes; another seed, LoRA strength aside, others", () =>
  withWorkplace(async ({ folder, run }) => {
    const make = async (name: string, ...args: string[]): Promise<Uint8Array[]> => {
      const files = [join(folder, `${name}.mp4`), join(folder, `${name}.safetensors`)] as const;
      const all = ["sample", ...SMALL, "--steps", "3", ...args, "--out", files[0], "--save-tensors", files[1]];
      const { code, stderr } = await run(all);
      assert.equal(code, 0, stderr);
      return files.map((file) => Deno.readFileSync(file));
    };
    const first = await make("first", "--seed", "7");
    assert.deepEqual(await make("again", "--seed", "7"), first);
    const other = await make("other", "--seed", "8", "--solver", "euler");
    assert.notDeepEqual(other[1], first[1]);
  }));

Deno.test("sample: a picture is the first frame", () =>
  withWorkplace(async ({ folder, run }) => {
    const tensors = join(folder, "cat.safetensors");
    const image = ["--image", join(CLIPS, "still_cat.jpg"), "--steps", "2", "--save-tensors", tensors];
    const { code, stdout, stderr } = await run(["sample", ...SMALL, ...image]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^saved .*sample-0\.mp4 and .*cat\.safetensors: 5 frames of 64x64 at 8 fps, 2 steps of unipc/m,
    );
    assert.ok(existsSync(join(folder, "sample-0.mp4")));
    const { readImage } = await import("../../src/train/pictures.ts");
    using picture = await readImage(join(CLIPS, "still_cat.jpg"), { width: 64, height: 64 });
    using vae = openModel(MODEL).loadVae();
    tidy(() => {
      const wanted = vae.encodeNormalized(picture.unsqueeze(2));
      using file = SafetensorsFile.open(tensors);
      const first = file.read("latents").narrow(2, 0, 1);
      assert.ok(first.sub(wanted).abs().amax().item() < 1e-4);
    });
  }));

Deno.test("sample: blocks that stay in their file make the same latents, with two experts and a LoRA on each", () =>
  withWorkplace(async ({ folder, run }) => {
    const lora = (expert: string): string =>
      join(ownGoldenDir(), `cases/lora_t2v_${expert}/comfy_ab_alpha.safetensors`);
    const make = async (blocks: string): Promise<Uint8Array> => {
      const { code, stderr } = await run([
        ...["sample", "--model", join(ownGoldenDir(), "checkpoints", "t2v_a14b"), "--prompt", "a cat", "--steps", "3"],
        ...["--width", "32", "--height", "32", "--frames", "5", "--blocks", blocks],
        ...["--high-lora", lora("high"), "--low-lora", lora("low")],
        ...["--out", `${blocks}.gif`, "--save-tensors", `${blocks}.safetensors`],
      ]);
      assert.equal(code, 0, stderr);
      return Deno.readFileSync(join(folder, `${blocks}.safetensors`));
    };
    assert.deepEqual(await make("mapped"), await make("resident"));
  }));

Deno.test("sample: what cannot be made is refused before weights are loaded, with the nearest that can", () =>
  withWorkplace(async ({ folder, run }) => {
    const refused = async (args: string[], code: number, pattern: RegExp): Promise<void> =>
      assertRefused(await run(["sample", "--model", MODEL, "--prompt", "a cat", ...args]), code, pattern);
    await refused(["--width", "100"], 2, /100x128 pixels: sides must be multiples of 32\. Take 96x128\./);
    await refused(["--frames", "10"], 2, /10 frames: the number must be 4·n \+ 1\. Take 9 frames\./);
    await refused(["--steps", "0"], 2, /--steps.*whole number of at least 1/);
    await refused(["--out", "cat.avi"], 2, /written as MP4, WebM, GIF or a folder of pictures\. Give it a name/);
    await refused(["--device", "tpu"], 2, /Allowed are auto, cpu, cuda and cuda:N/);
    await refused(["--image", join(folder, "absent.png")], 3, /absent\.png/);
    const latents = ["--initial-latents", join(CASE, "inputs.safetensors")];
    await refused([...latents, "--width", "64"], 2, /9 frames of 96x64, not of 9 frames of 64x64\. Leave --width/);
    await refused(
      ["--initial-latents", join(MODEL, "vae/diffusion_pytorch_model.safetensors")],
      3,
      /none is called lat/,
    );
    await refused(["--save-tensors", "/proc/none/t.safetensors"], 3, /Cannot create the folder "\/proc\/none"/);
    assertRefused(await run(["sample", "--prompt", "x", "--model", folder]), 3, /no model_index\.json/);
    const [two, fromImage] = ["t2v_a14b", "i2v_a14b"].map((name) => join(ownGoldenDir(), "checkpoints", name));
    const still = join(CLIPS, "still_cat.jpg");
    await refused(["--model", two ?? "", "--image", still], 2, /videos from text alone\. Leave --image out/);
    await refused(["--model", fromImage ?? ""], 2, /it needs a first frame\. Give it one with --image/);
    await refused(["--guidance-low", "3"], 2, /it has one transformer\. Leave --guidance-low out/);
    assert.deepEqual(readdirSync(folder), ["cache"]);
  }));

Deno.test("sample: Ctrl-C stops between steps, exits with 130 and leaves nothing", () =>
  withWorkplace(async ({ folder, env }) => {
    const args = ["sample", ...SMALL, "--steps", "900", "--json"];
    const child = wantuneCommand(args, { cwd: folder, env, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
    const stderr = new Response(child.stderr).text();
    let text = "";
    let isSent = false;
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (isSent || !/"sampling","done":3,/.test(text)) continue;
      child.kill("SIGINT");
      isSent = true;
    }
    const { code } = await child.status;
    assertRefused({ code, stderr: await stderr }, 130, /^wantune: Stopped; no video was written\.\n$/);
    assert.deepEqual(readdirSync(folder), ["cache"]);
  }));
