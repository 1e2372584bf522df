import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskError, writeAll, writeAtomically } from "../../src/base/mod.ts";
import { withFolder, withSmallDisk } from "../support/tmp.ts";

const names = (folder: string): string[] => [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();

Deno.test("writeAtomically() writes text, bytes and streams, and leaves no other file", () =>
  withFolder((folder) => {
    const path = join(folder, "a.json");
    writeAtomically(path, "one");
    assert.equal(Deno.readTextFileSync(path), "one");
    writeAtomically(path, new Uint8Array([116, 119, 111]));
    assert.equal(Deno.readTextFileSync(path), "two");
    writeAtomically(path, (file) => {
      for (let i = 0; i < 3; i++) writeAll(file, new Uint8Array(100_000).fill(65 + i));
    });
    assert.equal(Deno.statSync(path).size, 300_000);
    assert.deepEqual(names(folder), ["a.json"]);
  }));

Deno.test("writeAtomically() keeps the old file when the writer throws, and passes its error on", () =>
  withFolder((folder) => {
    const path = join(folder, "a");
    writeAtomically(path, "old");
    assert.throws(() =>
      writeAtomically(path, (file) => {
        writeAll(file, new Uint8Array(10));
        throw new RangeError("boom");
      }), new RangeError("boom"));
    assert.equal(Deno.readTextFileSync(path), "old");
    assert.deepEqual(names(folder), ["a"]);
  }));

Deno.test("writeAtomically() into a missing folder says so with a cure", () =>
  withFolder((folder) => {
    assert.throws(() => writeAtomically(join(folder, "no", "a"), "x"), (error: unknown) => {
      assert.ok(error instanceof DiskError);
      assert.match(error.message, /Cannot write ".*no\/a": its folder does not exist/);
      assert.match(error.cure ?? "", /create the folder/);
      return true;
    });
  }));

Deno.test("writeAtomically() on a full disk keeps the old file and names the cure", async () => {
  await withSmallDisk(256, (folder) => {
    const path = join(folder, "weights");
    writeAtomically(path, "old");
    for (const content of [new Uint8Array(1 << 20), (file: Deno.FsFile) => writeAll(file, new Uint8Array(1 << 20))]) {
      assert.throws(() => writeAtomically(path, content), (error: unknown) => {
        assert.ok(error instanceof DiskError);
        assert.match(error.message, /the disk is full/);
        assert.match(error.cure ?? "", /free some space/);
        assert.equal(error.exitCode, 3);
        return true;
      });
      assert.equal(Deno.readTextFileSync(path), "old");
      assert.deepEqual(names(folder), ["weights"]);
    }
    writeAtomically(path, "new"); // and there is room again
    assert.equal(Deno.readTextFileSync(path), "new");
  });
});
