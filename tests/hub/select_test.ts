import assert from "node:assert/strict";
import { type HubFile, layoutOf, PRESETS, repositoryOf, selectFiles, type Selection } from "../../src/hub/mod.ts";

const files = (...paths: string[]): HubFile[] =>
  paths.map((path) => ({ path, size: 1, digest: { kind: "sha256", hex: "00" } }));
const chosen = (tree: HubFile[], options: Selection = {}): string[] =>
  selectFiles(tree, { ...options, repo: "a/b" }).map(({ path }) => path);

const DIFFUSERS = files(
  ".gitattributes",
  "README.md",
  "assets/logo.png",
  "model_index.json",
  "text_encoder/config.json",
  "text_encoder/model.safetensors",
  "text_encoder/model.fp16.safetensors",
  "text_encoder/pytorch_model.bin",
  "text_encoder/flax_model.msgpack",
  "text_encoder/model.onnx",
  "tokenizer/spiece.model",
  "tokenizer/tokenizer.json",
  "transformer/config.json",
  "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
  "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
  "transformer/diffusion_pytorch_model.safetensors.index.json",
  "transformer/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
  "transformer/diffusion_pytorch_model.safetensors.index.fp16.json",
  "vae/config.json",
  "vae/diffusion_pytorch_model.bin",
  "wan.safetensors",
);

Deno.test("selectFiles() of a diffusers folder takes one form and the plain precision of each part", () => {
  assert.equal(layoutOf(DIFFUSERS), "diffusers");
  assert.deepEqual(chosen(DIFFUSERS), [
    "model_index.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/spiece.model",
    "tokenizer/tokenizer.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
    "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
    "transformer/diffusion_pytorch_model.safetensors.index.json",
    "vae/config.json",
    "vae/diffusion_pytorch_model.bin", // the only form there is
  ]);
  assert.deepEqual(chosen(DIFFUSERS, { only: ["transformer"], precision: "fp16" }), [
    "model_index.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
    "transformer/diffusion_pytorch_model.safetensors.index.fp16.json",
  ]);
  assert.deepEqual(chosen(DIFFUSERS, { only: ["pytorch_model.bin"] }), [
    "model_index.json",
    "text_encoder/pytorch_model.bin",
  ]);
});

Deno.test("selectFiles() of an official folder takes both experts, VAE, text encoder and tokenizer", () => {
  const tree = files(
    "README.md",
    "assets/a.png",
    "nohup.out",
    "Wan2.1_VAE.pth",
    "configuration.json",
    "google/umt5-xxl/spiece.model",
    "google/umt5-xxl/tokenizer.json",
    "high_noise_model/config.json",
    "high_noise_model/diffusion_pytorch_model-00001-of-00001.safetensors",
    "low_noise_model/config.json",
    "low_noise_model/diffusion_pytorch_model-00001-of-00001.safetensors",
    "models_t5_umt5-xxl-enc-bf16.pth",
  );
  assert.equal(layoutOf(tree), "original");
  const unused = ["README.md", "assets/a.png", "nohup.out", "configuration.json"];
  assert.deepEqual(chosen(tree), tree.map(({ path }) => path).filter((path) => !unused.includes(path)));
  assert.deepEqual(chosen(tree, { only: ["transformer_2", "vae"] }), [
    "Wan2.1_VAE.pth",
    "low_noise_model/config.json",
    "low_noise_model/diffusion_pytorch_model-00001-of-00001.safetensors",
  ]);
  const small = files("config.json", "diffusion_pytorch_model.safetensors.index.json", "Wan2.2_VAE.pth", "x.gguf");
  assert.equal(chosen(small).length, 3);
});

Deno.test("selectFiles() of other repositories wants a choice where there is one", () => {
  const tree = files("split_files/a_high.safetensors", "split_files/a_low.safetensors", "README.md");
  assert.throws(() => chosen(tree), /holds 2 weight files: split_files\/a_high\.safetensors, .*/);
  assert.deepEqual(chosen(tree, { only: ["*_low.safetensors"] }), ["split_files/a_low.safetensors"]);
  assert.deepEqual(chosen(files("lora.safetensors", "x.png")), ["lora.safetensors"]);
  assert.throws(() => chosen(files("README.md")), /no weights in it/);
});

Deno.test("repositoryOf() knows presets and owner/name, and what was probably meant", () => {
  assert.equal(repositoryOf("wan2.2-ti2v-5b"), "Wan-AI/Wan2.2-TI2V-5B-Diffusers");
  assert.equal(repositoryOf("Some-One/x.y_z"), "Some-One/x.y_z");
  assert.throws(() => repositoryOf("wan2.2-tiv-5b"), { cure: "did you mean wan2.2-ti2v-5b?" });
  for (const name of ["../x", "a/..", "a/b/c", "a b/c", ""]) assert.throws(() => repositoryOf(name), /no preset/);
  for (const repo of PRESETS.values()) assert.match(repo, /^Wan-AI\/Wan2\.[12]-/);
});
