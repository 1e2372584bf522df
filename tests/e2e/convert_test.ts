import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { full, tidy } from "../../src/torch/mod.ts";
import { expertInHeader, openWeights, SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { useTorch } from "../support/torch.ts";
import { assertRefused, MODEL, withWorkplace } from "../support/workplace.ts";

await useTorch();

const LORA = join(ownGoldenDir(), "cases", "lora_ti2v", "comfy_ab_alpha.safetensors");
const TI2V = join(ownGoldenDir(), "checkpoints", "ti2v_5b");
const PARTS = ["transformer", "vae", "text_encoder"];

/** Asserts that two checkpoints have the same tensors bit for bit. */
function assertSameTensors(a: string, b: string): void {
  using first = openWeights(a);
  using second = openWeights(b);
  assert.deepEqual([...second.keys()].sort(), [...first.keys()].sort());
  for (const key of first.keys()) {
    using x = first.load(key);
    using y = second.load(key);
    assert.equal(y.dtype, x.dtype, key);
    assert.deepEqual(y.toBytes(), x.toBytes(), key);
  }
}

Deno.test("convert lora: through all namings and back bit for bit, never over a file that is there", () =>
  withWorkplace(async ({ folder, run }) => {
    const convert = async (from: string, to: string, naming: string, ...more: string[]): Promise<void> => {
      const { code, stderr } = await run(["convert", "lora", from, to, "--to", naming, ...more]);
      assert.equal(code, 0, stderr);
    };
    await convert(LORA, "a.safetensors", "diffusers");
    await convert("a.safetensors", "new/b.safetensors", "musubi");
    await convert("new/b.safetensors", "c.safetensors", "comfyui");
    assertSameTensors(LORA, join(folder, "c.safetensors"));
    using musubi = SafetensorsFile.open(join(folder, "new/b.safetensors"));
    assert.ok([...musubi.entries.keys()].every((key) => key.startsWith("lora_unet_blocks_")));

    const again = ["convert", "lora", LORA, "a.safetensors", "--to", "musubi"];
    assertRefused(await run(again), 2, /"a\.safetensors": it exists\. .*--force/);
    await convert(LORA, "a.safetensors", "musubi", "--force");
    assertRefused(
      await run(["convert", "lora", LORA, "x.safetensors", "--to", "comfi"]),
      2,
      /diffusers, comfyui, musubi/,
    );
    assertRefused(await run(["convert", "lora", LORA, "x.safetensors"]), 2, /--to <naming>/);
  }));

Deno.test("convert lora: a file of both experts becomes one for each, whose header says which", () =>
  withWorkplace(async ({ folder, run }) => {
    const name = "transformer_2.blocks.0.attn1.to_q.lora_", low = join(folder, "low.safetensors");
    tidy(() => {
      const tensors = { [`${name}A.weight`]: full([2, 8], 2), [`${name}B.weight`]: full([8, 2], 2) };
      const others = {
        [`${name.replace("_2", "")}A.weight`]: full([2, 8], 1),
        [`${name.replace("_2", "")}B.weight`]: full([8, 2], 1),
      };
      saveSafetensors(join(folder, "both.safetensors"), { ...tensors, ...others });
    });
    const to = ["convert", "lora", "both.safetensors", "low.safetensors", "--to", "diffusers"];
    assertRefused(await run(to), 2, /holds LoRAs of both experts\. Convert it twice/);
    assert.equal((await run([...to, "--expert", "low"])).code, 0);
    using weights = openWeights(low);
    assert.equal(expertInHeader(weights.metadata), "low");
    tidy(() => assert.deepEqual(weights.load(`${name.replace("_2", "")}A.weight`).toNumbers(), Array(16).fill(2)));
    const again = ["convert", "lora", "low.safetensors", "x.safetensors", "--to", "musubi", "--expert", "high"];
    assertRefused(await run(again), 2, /for the high-noise expert: low\.safetensors is for the low-noise one/);
  }));

Deno.test("convert model: diffusers to single files and back bit for bit", () =>
  withWorkplace(async ({ folder, run }) => {
    const there = await run(["convert", "model", TI2V, "single", "--to", "original", "--json"]);
    assert.equal(there.code, 0, there.stderr);
    assert.equal(JSON.parse(there.stdout).variant, "wan2.2-ti2v-5b");
    const names = ["umt5_xxl.safetensors", "wan2.2_ti2v_5b.safetensors", "wan2.2_vae.safetensors"];
    assert.deepEqual(readdirSync(join(folder, "single")).sort(), names);
    const back = ["convert", "model", "single/wan2.2_ti2v_5b.safetensors", "back", "--to", "diffusers"];
    const vae = ["--vae", "single/wan2.2_vae.safetensors"];
    assertRefused(await run([...back, ...vae]), 2, /no text encoder, no tokenizer was named\. Name each part's file/);
    const { code, stderr } = await run([...back, ...vae, "--text-encoder", "single/umt5_xxl.safetensors"]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(there.stderr + stderr, /warning/);
    for (const part of PARTS) assertSameTensors(join(TI2V, part), join(folder, "back", part));
    Deno.copyFileSync(join(TI2V, "tokenizer/tokenizer.json"), join(folder, "tokenizer.json"));
    const words = ["convert", "model", TI2V, "words", "--to", "original", "--tokenizer", "tokenizer.json"];
    const warned = await run(words);
    assert.equal(warned.code, 0, warned.stderr);
    assert.match(
      warned.stderr,
      /^wantune: warning: ComfyUI needs .* no spiece\.model at tokenizer\.json\. .*--tokenizer/m,
    );
    const itself = ["convert", "model", "back", "back", "--to", "original", "--force"];
    assertRefused(await run(itself), 2, /Cannot write "back" over "back", which is read for it\./);
    const forced = await run(["convert", "model", TI2V, "back", "--to", "diffusers", "--dtype", "bfloat16", "--force"]);
    assert.equal(forced.code, 0, forced.stderr);
    using half = openWeights(join(folder, "back", "transformer"));
    assert.ok(half.keys().every((key) => half.dtypeOf(key) === "bfloat16"));
    assert.deepEqual(readdirSync(folder).sort(), ["back", "cache", "single", "tokenizer.json", "words"]);
  }));

Deno.test("merge: the merged model makes what the model and its LoRA make", () =>
  withWorkplace(async ({ folder, run }) => {
    const lora = `${LORA}:0.7`;
    const merged = await run(["merge", "--model", TI2V, "--lora", lora, "--out", "merged", "--dtype", "float32"]);
    assert.equal(merged.code, 0, merged.stderr);
    const sample = async (model: string, out: string, ...more: string[]): Promise<void> => {
      const { code, stderr } = await run([
        ...["sample", "--model", model, "--prompt", "a cat", "--width", "64", "--height", "64", "--frames", "5"],
        ...["--steps", "2", "--dtype", "float32", "--out", `${out}.gif`, "--save-tensors", out, ...more],
      ]);
      assert.equal(code, 0, stderr);
    };
    await sample("merged", "one.safetensors");
    await sample(TI2V, "two.safetensors", "--lora", lora);
    await sample(TI2V, "none.safetensors");
    tidy(() => {
      const latents = (name: string): ReturnType<SafetensorsFile["read"]> => {
        using file = SafetensorsFile.open(join(folder, name));
        return file.read("latents");
      };
      const [one, two, none] = ["one", "two", "none"].map((name) => latents(`${name}.safetensors`));
      assert.ok(one && two && none);
      assert.ok(one.sub(two).abs().amax().item() < 1e-4);
      assert.ok(none.sub(two).abs().amax().item() > 1e-2);
    });
    assertRefused(
      await run(["merge", "--model", MODEL, "--lora", LORA, "--out", "x"]),
      3,
      /Cannot merge .*comfy_ab_alpha\.safetensors into /,
    );
    assertRefused(
      await run(["merge", "--model", TI2V, "--lora", LORA, "--out", "x", "--expert", "low"]),
      2,
      /it has one transformer\. Leave --expert out/,
    );
    assert.ok(!existsSync(join(folder, "x")));
  }));
