import assert from "node:assert/strict";
import { join } from "node:path";
import type { Tensor } from "../../src/torch/mod.ts";
import { openWeights, SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import { assertRefused, MODEL, withWorkplace } from "../support/workplace.ts";

await useTorch();

const TI2V = join(ownGoldenDir(), "checkpoints", "ti2v_5b");
const SMALL = ["--prompt", "a cat", "--width", "64", "--height", "64", "--frames", "5", "--steps", "2"];

/** Writes a file's tensors, changed. */
function rewrite(from: string, to: string, change: (tensors: Map<string, Tensor>) => void): void {
  leakFree(() => {
    using weights = openWeights(from);
    const tensors = new Map(weights.keys().map((key) => [key, weights.load(key)]));
    change(tensors);
    saveSafetensors(to, tensors, { metadata: Object.fromEntries(weights.metadata) });
  });
}

Deno.test("a model of separate files samples like its folder, says what each file is, and is repeated from its video", () =>
  withWorkplace(async ({ folder, run }) => {
    const good = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(args);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    await good("convert", "model", TI2V, "single", "--to", "original");
    const text = ["--text-encoder", "single/umt5_xxl.safetensors", "--tokenizer", join(TI2V, "tokenizer")];
    const files = [
      "--transformer",
      "single/wan2.2_ti2v_5b.safetensors",
      "--vae",
      "single/wan2.2_vae.safetensors",
      ...text,
    ];
    const said = await good("sample", ...files, ...SMALL, "--out", "a.mp4", "--save-tensors", "a.safetensors");
    assert.match(said, /^model WAN 2\.2 TI2V-5B, given as separate files$/m);
    assert.match(
      said,
      /wan2\.2_ti2v_5b\.safetensors is the transformer of WAN 2\.2 TI2V-5B .* under official names: 96 /,
    );
    assert.match(
      said,
      /wan2\.2_vae\.safetensors is the VAE of WAN 2\.2 .*\n.*umt5_xxl\.safetensors is a UMT5 text encoder/,
    );
    // A file beside a folder that has the rest.
    const mixed = ["--model", TI2V, "--vae", "single/wan2.2_vae.safetensors", ...SMALL];
    await good("sample", ...mixed, "--out", "b.mp4", "--save-tensors", "b.safetensors");
    const latents = (name: string): Uint8Array => {
      using file = SafetensorsFile.open(join(folder, name));
      using tensor = file.read("latents");
      return tensor.toBytes();
    };
    assert.deepEqual(latents("b.safetensors"), latents("a.safetensors"));
    await good("sample", "--from", "a.mp4", "--out", "c.mp4");
    assert.deepEqual(Deno.readFileSync(join(folder, "c.mp4")), Deno.readFileSync(join(folder, "a.mp4")));
    Deno.removeSync(join(folder, "single/wan2.2_vae.safetensors"));
    assertRefused(await run(["sample", "--from", "a.mp4"]), 3, /wan2\.2_vae\.safetensors does not exist\. .*--vae/);
  }));

Deno.test("files that are not what they should be are refused before anything is made of them, their tensors grouped", () =>
  withWorkplace(async ({ folder, run, config }) => {
    const refused = async (args: string[], code: number, message: RegExp): Promise<void> =>
      assertRefused(await run(["sample", ...args, ...SMALL]), code, message);
    await refused(["--model", TI2V, "--transformer", join(TI2V, "vae")], 3, /as a WAN transformer: it is a WAN VAE/);
    await refused(["--model", TI2V, "--high-noise", join(TI2V, "transformer")], 2, /or one of each expert/);
    await refused(["--model", join(TI2V, "../t2v_a14b"), "--vae", join(TI2V, "vae")], 3, /has 16 channels, the VAE 48/);
    const broken = join(folder, "broken.safetensors");
    rewrite(join(MODEL, "transformer"), broken, (tensors) => {
      for (const key of [...tensors.keys()]) if (key.endsWith("attn2.to_v.bias")) tensors.delete(key);
      const extra = tensors.get("blocks.0.attn1.to_q.bias");
      if (extra !== undefined) tensors.set("blocks.0.attn1.add_k_proj.bias", extra);
    });
    Deno.copyFileSync(join(MODEL, "transformer/config.json"), join(folder, "config.json"));
    const listed =
      /\d tensors missing: blocks\.\{?0.*\.attn2\.to_v\.bias.*; 1 tensor unknown to the model: blocks\.0\.attn1\.add_k/;
    await refused(["--model", MODEL, "--transformer", broken], 3, listed);
    const path = config("files", {
      model: { weights: { folder: MODEL, transformer: "broken.safetensors" }, device: "cpu" },
    });
    const failed = await run(["train", path]);
    assertRefused(failed, 3, listed);
    assert.ok(failed.stderr.length < 600, failed.stderr);
  }));

Deno.test("train takes a model of separate files, each path from the config's folder", () =>
  withWorkplace(async ({ folder, run, config }) => {
    for (const part of ["transformer", "vae", "text_encoder", "tokenizer"]) {
      Deno.symlinkSync(join(MODEL, part), join(folder, part));
    }
    const weights = { transformer: "transformer", vae: "vae", textEncoder: "text_encoder", tokenizer: "tokenizer" };
    const path = config("files", { model: { weights, device: "cpu" }, train: { steps: 1 } });
    const { code, stdout, stderr } = await run(["train", path]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^model WAN 2\.2 TI2V-5B, given as separate files$/m);
  }));
