/** Files in memory: written by another program, used where they lie, gone when they are disposed of. */
import assert from "node:assert/strict";
import { MemoryFile } from "../../src/media/memory_file.ts";
import { memoryFiles } from "../support/processes.ts";

Deno.test("what another program writes to a MemoryFile is there, and nothing behind it", async () => {
  {
    using file = new MemoryFile();
    const { success } = await new Deno.Command("sh", { args: ["-c", `printf abc > ${file.path}`] }).output();
    assert.ok(success);
    assert.equal(file.size, 3);
    const bytes = file.map(5);
    assert.deepEqual([...bytes], [97, 98, 99, 0, 0]);
    bytes.copyWithin(3, 0, 2);
    assert.deepEqual([...Deno.readFileSync(file.path)], [97, 98, 99, 97, 98]);
  }
  assert.deepEqual(memoryFiles(), []);
});

Deno.test("an array of a MemoryFile that was disposed of is empty", () => {
  const file = new MemoryFile();
  const bytes = file.map(4096);
  const part = bytes.subarray(8, 16);
  assert.equal(memoryFiles().length, 2); // open and mapped
  file[Symbol.dispose]();
  assert.deepEqual([bytes.length, part.length, bytes[0], memoryFiles().length], [0, 0, undefined, 0]);
});
