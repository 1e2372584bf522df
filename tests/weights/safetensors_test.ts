import assert from "node:assert/strict";
import { copyFileSync, readFileSync, renameSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { WeightsError } from "../../src/base/mod.ts";
import { fromBytes, liveHandles } from "../../src/torch/mod.ts";
import { SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import { entry, fileBytes } from "./hostile.ts";

await useTorch();

const GOLDEN = join(ownGoldenDir(), "checkpoints/ti2v_5b/transformer/diffusion_pytorch_model.safetensors");
const KEY = "blocks.0.attn1.to_q.weight";

/** The bytes that an entry claims, straight from the file. */
function rawBytes(file: SafetensorsFile, name: string): Uint8Array {
  const { start = 0, end = 0 } = file.entries.get(name) ?? {};
  return new Uint8Array(readFileSync(file.path).subarray(start, end));
}

Deno.test("read() and mapped() give every tensor's exact bytes, shape and type", () => {
  leakFree(() => {
    using file = SafetensorsFile.open(GOLDEN);
    assert.equal(file.entries.size, 96);
    for (const [name, { shape, dtype }] of file.entries) {
      const wanted = rawBytes(file, name);
      for (const tensor of [file.read(name), file.mapped(name)]) {
        assert.deepEqual(tensor.shape, shape);
        assert.equal(tensor.dtype, dtype);
        assert.deepEqual(tensor.toBytes(), wanted);
      }
    }
  });
});

Deno.test("read() casts to the type asked for", () => {
  leakFree(() => {
    using file = SafetensorsFile.open(GOLDEN);
    const exact = file.read(KEY);
    const half = file.read(KEY, { dtype: "bfloat16" });
    assert.equal(half.dtype, "bfloat16");
    assert.ok(half.equal(exact.to({ dtype: "bfloat16" })));
  });
});

Deno.test("read() leaves one handle per tensor and none of its own", () => {
  const before = liveHandles();
  using file = SafetensorsFile.open(GOLDEN);
  using _cast = file.read(KEY, { dtype: "float64" });
  assert.equal(liveHandles(), before + 1);
});

Deno.test("mapped() tensors outlive their file and never change it", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    copyFileSync(GOLDEN, path);
    const before = readFileSync(path);
    leakFree(() => {
      const file = SafetensorsFile.open(path);
      const tensor = file.mapped(KEY);
      file[Symbol.dispose]();
      tensor.add_(1);
      const again = SafetensorsFile.open(path).read(KEY);
      again.add_(1);
      assert.ok(tensor.equal(again));
    });
    assert.deepEqual(readFileSync(path), before);
  }));

Deno.test("mapped() copies where the file's bytes are not aligned to the element", () =>
  withFolder((folder) => {
    const path = join(folder, "odd.safetensors");
    const header = JSON.stringify({ a: entry("U8", [1], [0, 1]), b: entry("F32", [1], [1, 5]) });
    writeFileSync(path, fileBytes(header, new Uint8Array([7, 0, 0, 0x80, 0x3f])));
    leakFree(() => {
      using file = SafetensorsFile.open(path);
      assert.deepEqual(file.mapped("b").toNumbers(), [1]);
      assert.deepEqual(file.mapped("a").toNumbers(), [7]);
    });
  }));

Deno.test("an empty tensor can be read and mapped", () =>
  withFolder((folder) => {
    const path = join(folder, "empty.safetensors");
    writeFileSync(path, fileBytes(JSON.stringify({ a: entry("F32", [0, 3], [0, 0]) }), new Uint8Array(0)));
    leakFree(() => {
      using file = SafetensorsFile.open(path);
      assert.deepEqual(file.read("a").shape, [0, 3]);
      assert.deepEqual(file.mapped("a").shape, [0, 3]);
    });
  }));

Deno.test("open() says what is wrong with a path", () =>
  withFolder((folder) => {
    const refuses = (path: string, message: RegExp): void =>
      assert.throws(() => SafetensorsFile.open(path), (error: unknown) => {
        assert.ok(error instanceof WeightsError);
        assert.match(error.message, message);
        return true;
      });
    refuses(join(folder, "absent.safetensors"), /there is no such file/);
    refuses(folder, /it is not a file/);
    refuses("/dev/zero", /it is not a file/);
    symlinkSync(join(folder, "nowhere"), join(folder, "link.safetensors"));
    refuses(join(folder, "link.safetensors"), /there is no such file/);
    writeFileSync(join(folder, "cut.safetensors"), readFileSync(GOLDEN).subarray(0, -1));
    refuses(join(folder, "cut.safetensors"), /cut off/);
  }));

Deno.test("read() names a tensor that is not there", () => {
  using file = SafetensorsFile.open(GOLDEN);
  assert.throws(() => file.read("blocks.9.q"), /Cannot load "blocks\.9\.q": .* has no such tensor/);
  assert.throws(() => file.mapped("__metadata__"), WeightsError);
});

Deno.test("read() and mapped() refuse a file that was changed after it was opened", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    copyFileSync(GOLDEN, path);
    using file = SafetensorsFile.open(path);
    truncateSync(path, statSync(path).size - 4096);
    assert.throws(() => file.read(KEY), /was changed after it was opened/);
    assert.throws(() => file.mapped(KEY), /was changed after it was opened/);
    copyFileSync(GOLDEN, join(folder, "new"));
    renameSync(join(folder, "new"), path);
    assert.throws(() => file.read(KEY), /was changed after it was opened/);
  }));

Deno.test("damaged files on disk are refused or read whole, whatever the damage", () =>
  withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    using a = fromBytes(new Uint8Array(24).fill(1), { shape: [2, 3], dtype: "float32" });
    using b = fromBytes(new Uint8Array(6).fill(2), { shape: [3], dtype: "bfloat16" });
    saveSafetensors(path, { "layer.a": a, "layer.b": b }, { metadata: { format: "pt" } });
    const right = readFileSync(path);
    const damage = fc.array(fc.tuple(fc.nat(right.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(right.length), (changes, cut) => {
        const bytes = new Uint8Array(right);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(path, cut % 3 === 0 ? bytes.subarray(0, cut) : bytes);
        try {
          using file = SafetensorsFile.open(path);
          for (const name of file.entries.keys()) {
            using tensor = file.read(name);
            assert.equal(tensor.numBytes, rawBytes(file, name).length);
          }
        } catch (error) {
          assert.ok(error instanceof WeightsError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  }));
