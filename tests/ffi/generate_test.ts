import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SCHEMAS } from "../../src/torch/gen/ops.ts";
import { SYMBOLS } from "../../src/torch/library.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}/${path}`, "utf8");

Deno.test("src/torch/gen/ops.ts is what ffi/generate.ts makes of ffi/ops.txt", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "ffi/generate.ts", "--check"],
    cwd: ROOT,
    stdout: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
});

Deno.test("ffi/ops.txt and the generated wrappers list the same operators in the same order", () => {
  const names = read("ffi/ops.txt").split("\n").map((line) => line.trim()).filter((line) => /^[^#]/.test(line));
  assert.deepEqual(SCHEMAS.map((schema) => schema.slice(0, schema.indexOf("("))), names);
});

const C_TYPES = { "int32_t": "i32", "double": "f64", "const uint8_t*": "buffer", "uint8_t*": "buffer" } as const;

Deno.test("every function of ffi/shim.h is declared in SYMBOLS, with the same types", () => {
  const declared = [...read("ffi/shim.h").matchAll(/^WT_API ([\w*]+) (wt_\w+)\(([^)]*)\);/gm)];
  assert.deepEqual(declared.map(([, , name]) => name).sort(), Object.keys(SYMBOLS).sort());
  for (const [, result = "", name = "", list = ""] of declared) {
    const symbol = SYMBOLS[name as keyof typeof SYMBOLS];
    const parameters = list.split(",").map((part) => part.trim().replace(/ ?\w+$/, "")).filter((type) => type !== "");
    assert.deepEqual(symbol.parameters, parameters.map((type) => C_TYPES[type as keyof typeof C_TYPES]), name);
    assert.equal(symbol.result, result.endsWith("*") ? "pointer" : C_TYPES[result as keyof typeof C_TYPES], name);
  }
});
