import assert from "node:assert/strict";
import { join } from "node:path";
import {
  estimateMemory,
  publishedSizes,
  takeInventory,
  tinySizes,
  type Variant,
  VARIANTS,
  writeFreshModel,
} from "../../src/wan/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const variantOf = (name: string): Variant => {
  const variant = VARIANTS.find((variant) => variant.name === name);
  assert.ok(variant);
  return variant;
};

Deno.test("takeInventory() tells the variant, and each part's numbers and types", () =>
  withFolder((folder) => {
    const variant = variantOf("wan2.2-t2v-a14b");
    const path = join(folder, "model");
    writeFreshModel(path, { variant, sizes: tinySizes(variant), dtype: "bfloat16", seed: 1 });
    const { variant: found, isPublishedSize, problem, parts } = takeInventory(path);
    assert.deepEqual([found?.name, isPublishedSize, problem], ["wan2.2-t2v-a14b", false, undefined]);
    assert.deepEqual(parts.map(({ name, state }) => `${name} ${state}`), [
      ...["transformer present", "transformer_2 present", "vae present", "text_encoder present", "tokenizer present"],
    ]);
    const [transformer] = parts;
    assert.deepEqual(transformer?.dtypes?.map(({ dtype }) => dtype), ["bfloat16", "float32"]);
    assert.ok((transformer?.bytes ?? 0) > 2 * (transformer?.numParameters ?? 0));
    assert.equal(parts[3]?.bytes, 2 * (parts[3]?.numParameters ?? 0));

    // what is gone, cut off or of another model is told part by part
    Deno.removeSync(join(path, "vae"), { recursive: true });
    Deno.truncateSync(join(path, "transformer_2/diffusion_pytorch_model.safetensors"), 1_000_000);
    const config = join(path, "text_encoder/config.json");
    Deno.writeTextFileSync(config, Deno.readTextFileSync(config).replace('"num_layers": 2', '"num_layers": 3'));
    const broken = takeInventory(path);
    assert.equal(broken.variant, undefined);
    assert.match(broken.problem ?? "", /it has no folder vae/);
    assert.deepEqual(broken.parts.map(({ state }) => state), ["present", "damaged", "missing", "damaged", "present"]);
    assert.match(broken.parts[3]?.problem ?? "", /10 tensors missing: encoder\.block\.2\./);
    assert.throws(() => takeInventory(join(folder, "none")), /there is no such folder/);
    assert.throws(() => takeInventory(folder), /nothing of a model is in it/);
  }));

Deno.test("estimateMemory() gives the published weights, and the sums of the specification", () => {
  const strides = (variant: Variant): Variant["vae"] => variant.vae;
  const small = variantOf("wan2.2-ti2v-5b");
  const large = variantOf("wan2.2-t2v-a14b");
  const estimate = (variant: Variant, width: number, height: number, numFrames: number) =>
    estimateMemory(publishedSizes(variant).transformer, {
      size: { width, height, numFrames },
      strides: strides(variant),
      elementBytes: 2,
    });
  const near = (bytes: number, gigabytes: number, slack: number): void =>
    assert.ok(Math.abs(bytes / 1e9 / gigabytes - 1) < slack, `${bytes / 1e9} is not ${gigabytes}`);
  near(estimate(small, 1280, 704, 121).weights, 10.0, 0.01);
  // A14B at 480p and 81 frames: 28.6 GB, inputs of blocks 13.4 GB, one block's work about 11 GB, 16 bytes a weight 229 GB
  const sums = estimate(large, 832, 480, 81);
  near(sums.weights, 28.6, 0.01);
  near(sums.trainAll, 229 + 13.4 + 11, 0.02);
  assert.ok(sums.weights < sums.sample && sums.sample < sums.trainLora && sums.trainLora < sums.trainAll);
});
