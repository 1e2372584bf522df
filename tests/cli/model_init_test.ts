import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { wantune } from "../support/cli.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("wantune model init makes a tiny model, and says in one line what it cannot make", () =>
  withFolder(async (folder) => {
    const out = join(folder, "model");
    const made = await wantune(["model", "init", "wan2.2-ti2v-5b", "--tiny", "--out", out, "--seed", "3", "--json"]);
    assert.equal(made.code, 0, made.stderr);
    const { variant, dtype, bytes } = JSON.parse(made.stdout);
    assert.deepEqual([variant, dtype], ["wan2.2-ti2v-5b", "float32"]);
    assert.ok(bytes > 1e6 && bytes < 5e7);
    assert.ok(existsSync(join(out, "model_index.json")));
    const cases: [string[], RegExp][] = [
      [["wan2.2-ti2v-5b", "--tiny"], /there is a folder transformer already\. Name another folder/],
      [["wan2.2-ti2v-5b"], /its size is open\. Say --tiny/],
      [["wan2.2-ti2v", "--tiny"], /Cannot find a variant "wan2\.2-ti2v"\. Did you mean wan2\.2-ti2v-5b\?/],
      [["wan2.2-ti2v-5b", "--tiny", "--only", "transformer_2"], /no such part\. Parts are transformer, vae/],
    ];
    const outcomes = await Promise.all(cases.map(([args]) => wantune(["model", "init", ...args, "--out", out])));
    outcomes.forEach(({ code, stderr }, i) => {
      assert.equal(code, 2);
      assert.match(stderr, /^wantune: [^\n]*\n$/);
      assert.match(stderr, cases[i]?.[1] ?? /x/);
    });
  }));
