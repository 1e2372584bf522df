import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { DiskError } from "../../src/base/mod.ts";
import { fromBytes, Generator, randn, type Tensor, tensor, zeros } from "../../src/torch/mod.ts";
import { SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { FORMAT_DTYPES } from "../../src/weights/dtypes.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder, withSmallDisk } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

/** Every tensor of a file, mapped. */
function all(file: SafetensorsFile): Map<string, Tensor> {
  return new Map([...file.entries.keys()].map((name) => [name, file.mapped(name)]));
}

const GOLDEN_FILES = [
  "checkpoints/ti2v_5b/transformer/diffusion_pytorch_model.safetensors",
  "checkpoints/ti2v_5b/vae/diffusion_pytorch_model.safetensors",
  "checkpoints/i2v_a14b/text_encoder/model.safetensors",
  "cases/umt5_prompts/inputs.safetensors",
  "cases/lora_ti2v/comfy_ab_alpha.safetensors",
  "cases/lora_ti2v/diffusers/pytorch_lora_weights.safetensors",
];

for (const name of GOLDEN_FILES) {
  Deno.test(`a file of the reference library is written again byte for byte: ${name}`, () =>
    withFolder((folder) => {
      const source = join(ownGoldenDir(), name);
      const copy = join(folder, "copy.safetensors");
      leakFree(() => {
        using file = SafetensorsFile.open(source);
        saveSafetensors(copy, all(file), { metadata: Object.fromEntries(file.metadata) });
      });
      assert.ok(readFileSync(copy).equals(readFileSync(source)));
    }));
}

Deno.test("any tensors come back with the same bytes, whatever their type, shape and name", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    const dtype = fc.constantFrom(...Object.values(FORMAT_DTYPES));
    const shape = fc.array(fc.nat(5), { maxLength: 4 });
    const one = fc.tuple(dtype, shape, fc.nat(1)).map(([{ dtype, bytes }, shape, fill]) => ({
      dtype,
      shape,
      bytes: new Uint8Array(shape.reduce((product, size) => product * size, bytes)).fill(fill),
    }));
    const names = fc.string({ unit: "binary" }).filter((name) => name !== "__metadata__");
    const metadata = fc.dictionary(fc.string().filter((key) => key !== "__proto__"), fc.string());
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(names, one), { selector: ([name]) => name }), metadata, (items, metadata) => {
        leakFree(() => {
          saveSafetensors(path, new Map(items.map(([name, t]) => [name, fromBytes(t.bytes, t)])), { metadata });
          using file = SafetensorsFile.open(path);
          assert.deepEqual(Object.fromEntries(file.metadata), { ...metadata });
          assert.equal(file.entries.size, items.length);
          for (const [name, { dtype, shape, bytes }] of items) {
            const tensor = file.read(name);
            assert.equal(tensor.dtype, dtype);
            assert.deepEqual(tensor.shape, shape);
            assert.deepEqual(tensor.toBytes(), bytes);
          }
        });
      }),
      { numRuns: 200 },
    );
  }));

Deno.test("saveSafetensors() aligns every tensor to its element", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    leakFree(() => {
      const entries = Object.values(FORMAT_DTYPES).map(({ dtype }) => [dtype, zeros([3], { dtype })] as const);
      saveSafetensors(path, Object.fromEntries(entries));
      using file = SafetensorsFile.open(path);
      for (const [name, { start, end }] of file.entries) assert.equal(start % ((end - start) / 3), 0, name);
    });
  }));

Deno.test("saveSafetensors() writes views, gradients' owners and casts as plain values", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    leakFree(() => {
      using generator = Generator.seeded(1);
      const weight = randn([4, 6], { generator });
      weight.setRequiresGrad(true);
      const view = weight.t().slice(0, 1, 5, 2);
      const ids = tensor([1, 2], { shape: [2], dtype: "int64" });
      saveSafetensors(path, { weight, view, ids }, { dtype: "bfloat16" });
      using file = SafetensorsFile.open(path);
      assert.ok(file.read("weight").equal(weight.detach().to({ dtype: "bfloat16" })));
      assert.ok(file.read("view").equal(view.detach().to({ dtype: "bfloat16" })));
      assert.deepEqual(file.read("ids").toNumbers(), [1, 2]);
      assert.equal(weight.dtype, "float32");
    });
  }));

Deno.test("saveSafetensors() pads its header to 8 bytes and takes no tensor for metadata", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    saveSafetensors(path, {});
    assert.deepEqual(new TextDecoder().decode(readFileSync(path).subarray(8)), "{}      ");
    leakFree(() => {
      assert.throws(() => saveSafetensors(path, { __metadata__: zeros([1]) }), RangeError);
    });
  }));

Deno.test("a failed save leaves the old file and nothing else", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    writeFileSync(path, "old");
    const gone = zeros([4]);
    gone[Symbol.dispose]();
    assert.throws(() => saveSafetensors(path, { gone }));
    assert.equal(readFileSync(path, "utf8"), "old");
    assert.deepEqual(readdirSync(folder), ["w.safetensors"]);
  }));

Deno.test("a full disk ends in a DiskError with a cure; the old file stays", () =>
  withSmallDisk(256, (folder) => {
    const path = join(folder, "w.safetensors");
    leakFree(() => {
      saveSafetensors(path, { small: zeros([1000]) });
      const before = readFileSync(path);
      assert.throws(() => saveSafetensors(path, { large: zeros([200_000]) }), (error: unknown) => {
        assert.ok(error instanceof DiskError, String(error));
        assert.match(error.message, /w\.safetensors.*disk is full/);
        assert.ok(error.cure !== undefined);
        return true;
      });
      assert.ok(readFileSync(path).equals(before));
      assert.deepEqual(readdirSync(folder), ["w.safetensors"]);
    });
  }).then(() => {}));
