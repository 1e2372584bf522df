import assert from "node:assert/strict";
import { join } from "node:path";
import { expertConfig, parseConfig } from "../../src/config/mod.ts";

const PAGE = Deno.readTextFileSync(join(import.meta.dirname ?? ".", "../../specs/methods.md"));
const FRAGMENTS = [...PAGE.matchAll(/```jsonc\n([^`]*)```/g)].map(([, text = ""]) => text);

Deno.test("the fragments of specs/methods.md are configs", () => {
  assert.equal(FRAGMENTS.length, 4);
  const folder = Deno.makeTempDirSync();
  try {
    const base = { model: { weights: "w" }, data: { sources: [{ path: "c" }] }, train: { steps: 1 } };
    Deno.writeTextFileSync(join(folder, "base.json"), JSON.stringify(base));
    const configs = FRAGMENTS.map((text) =>
      parseConfig(text.replace("{", '{ "extends": "./base.json",'), { path: join(folder, "page.jsonc") })
    );
    assert.deepEqual(configs.map(({ method }) => method.kind), ["lora", "embedding", "full", "lora"]);
    const [, , , two] = configs;
    assert(two !== undefined);
    assert.deepEqual([expertConfig(two, "high").train.steps, expertConfig(two, "low").optim.name], [1000, "lion"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
