import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { mapFile, readInto } from "../../src/torch/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

/** A file of the float32 numbers 0 … count − 1. */
function numbersFile(folder: string, count = 4096): string {
  const path = join(folder, "numbers é.bin");
  writeFileSync(path, new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer));
  return path;
}

const sum = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
const resident = (path: string): boolean => readFileSync("/proc/self/maps", "utf8").includes(path);

Deno.test("a mapped tensor shows the file's bytes at its place", async () => {
  await withFolder((folder) => {
    const path = numbersFile(folder);
    leakFree(() => {
      using file = mapFile(path);
      assert.equal(file.size, 4 * 4096);
      const x = file.tensor({ offset: 40, shape: [2, 3], dtype: "float32" });
      assert.deepEqual([x.shape, x.toNumbers()], [[2, 3], [10, 11, 12, 13, 14, 15]]);
      assert.deepEqual(file.tensor({ offset: 0, shape: [0], dtype: "float32" }).toNumbers(), []);
      // at an odd place it is a copy
      const bytes = readFileSync(path);
      const odd = file.tensor({ offset: 41, shape: [1], dtype: "int32" });
      assert.equal(odd.item(), bytes.readInt32LE(41));
    });
  });
});

Deno.test("a mapped tensor keeps the mapping alive after the file is disposed of", async () => {
  await withFolder((folder) => {
    const path = numbersFile(folder);
    leakFree(() => {
      const file = mapFile(path);
      const x = file.tensor({ offset: 0, shape: [4096], dtype: "float32" });
      const view = x.narrow(0, 4000, 96);
      file[Symbol.dispose]();
      file[Symbol.dispose]();
      x[Symbol.dispose]();
      assert.equal(resident(path), true);
      assert.equal(view.toNumbers().at(-1), 4095);
      view[Symbol.dispose]();
      assert.equal(resident(path), false);
      assert.throws(() => file.tensor({ offset: 0, shape: [1], dtype: "float32" }), {
        name: "WeightsError",
        message: /the file mapping behind this handle was freed/,
      });
    });
  });
});

Deno.test("writing to a mapped tensor changes this process's copy, not the file", async () => {
  await withFolder((folder) => {
    const path = numbersFile(folder);
    const before = sum(path);
    leakFree(() => {
      using file = mapFile(path);
      const x = file.tensor({ offset: 0, shape: [4096], dtype: "float32" });
      x.add_(1);
      assert.deepEqual(x.narrow(0, 0, 3).toNumbers(), [1, 2, 3]);
    });
    assert.equal(sum(path), before);
  });
});

Deno.test("readInto() gives a tensor of its own", async () => {
  await withFolder((folder) => {
    const path = numbersFile(folder);
    leakFree(() => {
      const x = readInto(path, { offset: 8, shape: [3], dtype: "float32" });
      writeFileSync(path, new Uint8Array(64));
      assert.deepEqual(x.toNumbers(), [2, 3, 4]);
      assert.deepEqual(readInto(path, { offset: 64, shape: [0, 5], dtype: "float32" }).shape, [0, 5]);
    });
  });
});

Deno.test("regions outside of the file are refused by both", async () => {
  await withFolder((folder) => {
    const path = numbersFile(folder, 8);
    leakFree(() => {
      using file = mapFile(path);
      const regions = [
        { offset: 4, shape: [8], dtype: "float32" },
        { offset: 40, shape: [], dtype: "float32" },
        { offset: 0, shape: [2 ** 40, 2 ** 40], dtype: "float32" },
        { offset: 0, shape: [-1], dtype: "float32" },
      ] as const;
      for (const region of regions) {
        assert.throws(() => file.tensor(region), WeightsError);
        assert.throws(() => readInto(path, region), WeightsError);
      }
      truncateSync(path, 16);
      assert.throws(() => readInto(path, { offset: 0, shape: [8], dtype: "float32" }), {
        name: "WeightsError",
        message: `cannot read ${path}: the tensor lies outside the file`,
      });
    });
  });
});

Deno.test("missing, empty and unmappable files are told by name", async () => {
  await withFolder((folder) => {
    const missing = join(folder, "none"), empty = join(folder, "empty");
    writeFileSync(empty, "");
    assert.throws(() => mapFile(missing), { name: "WeightsError", message: /none: No such file or directory/ });
    assert.throws(() => mapFile(empty), { name: "WeightsError", message: /empty: the file is empty/ });
    assert.throws(() => mapFile(folder), WeightsError);
    assert.throws(() => readInto(missing, { offset: 0, shape: [1], dtype: "uint8" }), WeightsError);
  });
});
