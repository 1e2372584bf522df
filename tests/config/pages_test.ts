import assert from "node:assert/strict";
import { join } from "node:path";
import { expertConfig, parseConfig, type RunConfig } from "../../src/config/mod.ts";
import { withFolder } from "../support/tmp.ts";

const SPECS = join(import.meta.dirname ?? ".", "../../specs");

/** The fragments of a page as configs, each laid over a minimal one. */
function fragments(page: string): Promise<RunConfig[]> {
  const text = Deno.readTextFileSync(join(SPECS, page));
  return withFolder((folder) => {
    const base = { model: { weights: "w" }, data: { sources: [{ path: "c" }] }, train: { steps: 1 } };
    Deno.writeTextFileSync(join(folder, "base.json"), JSON.stringify(base));
    return [...text.matchAll(/```jsonc\n([^`]*)```/g)].map(([, fragment = ""]) =>
      parseConfig(fragment.replace("{", '{ "extends": "./base.json",'), { path: join(folder, "page.jsonc") })
    );
  });
}

Deno.test("the fragments of specs/methods.md are configs", async () => {
  const configs = await fragments("methods.md");
  assert.deepEqual(configs.map(({ method }) => method.kind), ["lora", "embedding", "full", "lora"]);
  const [, , , two] = configs;
  assert(two !== undefined);
  assert.deepEqual([expertConfig(two, "high").train.steps, expertConfig(two, "low").optim.name], [1000, "lion"]);
});

Deno.test("the fragments of specs/memory.md are configs", async () => {
  const [fixed, listed, ...more] = await fragments("memory.md");
  assert.deepEqual(more, []);
  assert.deepEqual([fixed?.memory.budgetGiB, fixed?.model.quantization], [20, "fp8"]);
  assert.equal(Array.isArray(listed?.memory.plan) && listed.memory.plan.length, 2);
});
