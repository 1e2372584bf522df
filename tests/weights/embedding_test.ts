import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ones, type Tensor, tensor } from "../../src/torch/mod.ts";
import { readEmbedding, saveEmbedding, saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import { dictPickle, int, pickle, tensorOps, text, torchFile } from "./pth_bytes.ts";

await useTorch();

const CASE = join(ownGoldenDir(), "cases/embedding_token");

Deno.test("both golden forms give the same vectors; one of them names its token", () => {
  leakFree(() => {
    using named = readEmbedding(join(CASE, "embedding_diffusers.safetensors"), { width: 32 });
    using bare = readEmbedding(join(CASE, "embedding_params.safetensors"), { width: 32 });
    assert.deepEqual(named.vectors.shape, [3, 32]);
    assert.ok(named.vectors.equal(bare.vectors));
    assert.deepEqual([named.token, named.namesToken], ["<golden-style>", true]);
    assert.deepEqual([bare.token, bare.namesToken], ["embedding_params", false]);
    assert.throws(() => readEmbedding(join(CASE, "embedding_params.safetensors"), { width: 4096 }), /width 32/);
  });
});

Deno.test("what is written is read back, in every form", () =>
  withFolder((folder) => {
    leakFree(() => {
      using golden = readEmbedding(join(CASE, "embedding_diffusers.safetensors"));
      for (const form of ["comfy", "params", "diffusers"] as const) {
        const path = join(folder, `${form}.safetensors`);
        saveEmbedding(path, { vectors: golden.vectors, token: "<dog>", form });
        using again = readEmbedding(path);
        assert.ok(again.vectors.equal(golden.vectors));
        assert.equal(again.token, "<dog>");
      }
    });
  }));

Deno.test("other layouts of safetensors are read or refused", () =>
  withFolder((folder) => {
    const path = join(folder, "my-dog.safetensors");
    leakFree(() => {
      const read = (tensors: Record<string, Tensor>): string => {
        saveSafetensors(path, tensors);
        using file = readEmbedding(path);
        assert.equal(file.vectors.ndim, 2);
        return file.token;
      };
      assert.equal(read({ emp_params: ones([2, 4]), emp_params_out: ones([2, 4]) }), "my-dog");
      assert.equal(read({ t5: ones([2, 4]), clip_l: ones([2, 3]), clip_g: ones([2, 5]) }), "my-dog");
      assert.equal(read({ "<cat>": ones([4]) }), "<cat>");
      assert.throws(() => read({ clip_l: ones([2, 4]), clip_g: ones([2, 4]) }), /for "clip_g", "clip_l", not for UMT5/);
      assert.throws(() => read({ a: ones([2, 4]), b: ones([2, 4]) }), /holds 2 tensors, and none is called umt5xxl/);
      assert.throws(() => read({ umt5xxl: ones([2, 2, 2]) }), /must be vectors/);
      assert.throws(() => read({ umt5xxl: tensor([1, 2], { dtype: "int64" }) }), /must be vectors/);
    });
  }));

Deno.test("A1111's dict is read from its torch file", () =>
  withFolder((folder) => {
    const path = join(folder, "style.pt");
    const vectors = tensorOps({ count: 6, shape: [2, 3], strides: [3, 1] });
    const inner = (name: string, value: Uint8Array): Uint8Array => pickle("}", text(name), value, "s");
    const bytes = dictPickle({
      string_to_token: inner("*", int(265)),
      string_to_param: inner("*", vectors),
      name: text("my style"),
      step: int(500),
    });
    writeFileSync(path, torchFile(bytes, { "0": new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer) }));
    leakFree(() => {
      using file = readEmbedding(path);
      assert.deepEqual(file.vectors.toNumbers(), [1, 2, 3, 4, 5, 6]);
      assert.equal(file.token, "my style");
      assert.equal(file.metadata.get("step"), "500");
    });
  }));
