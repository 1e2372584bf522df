import assert from "node:assert/strict";
import { ConfigError, DataError, EXIT } from "../../src/base/mod.ts";
import { errorLines, oneLine, reportError } from "../../src/cli/output.ts";
import { columns } from "../../src/cli/table.ts";

Deno.test("errorLines() gives one line with the cure behind it", () => {
  const error = new DataError("Cannot read a.mp4: it is\nempty", { cure: "copy it again" });
  assert.deepEqual(errorLines(new DataError("Cannot read a.mp4: it is empty", { cure: "copy it again" })), [
    "Cannot read a.mp4: it is empty. Copy it again.",
  ]);
  assert.deepEqual(errorLines(error).length, 2);
  assert.deepEqual(errorLines(new ConfigError("a is 1.\nb is 2.")), ["a is 1.", "b is 2."]);
  assert.deepEqual(errorLines(new ConfigError("Really?", { cure: "No." })), ["Really? No."]);
});

Deno.test("oneLine() writes control characters and text direction marks out", () => {
  assert.equal(oneLine("a\n  b\tc\x07\u202e"), "a b\\u0009c\\u0007\\u202e");
  assert.equal(oneLine("Katze 猫 🐱 é"), "Katze 猫 🐱 é");
});

Deno.test("reportError() exits quietly when nobody reads any more", () => {
  assert.equal(reportError(new Deno.errors.BrokenPipe()), EXIT.done);
});

Deno.test("columns() puts cells under each other", () => {
  assert.deepEqual(columns([["a", "bb", "c"], ["aaa", "", "c"]]), ["a    bb  c", "aaa      c"]);
});
