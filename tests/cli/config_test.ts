import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { presetNames } from "../../src/config/mod.ts";
import { wantune } from "../support/cli.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("config new writes a config that check accepts, and keeps a file that is there", () =>
  withFolder(async (folder) => {
    const path = join(folder, "my.jsonc");
    const [preset = ""] = presetNames();
    const made = await wantune(["config", "new", path, "--preset", preset]);
    assert.equal(made.code, 0, made.stderr);
    const check = await wantune(["config", "check", path]);
    assert.equal(check.code, 0, check.stderr);
    assert.match(check.stdout, /my\.jsonc: the config is right \(run "my", \w+\)\n/);
    assert.match(check.stdout, new RegExp(`not there yet: ${join(folder, "clips")}\n`));
    const again = await wantune(["config", "new", path, "--preset", preset]);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /the file is there already/);
    const unknown = await wantune(["config", "new", join(folder, "b.jsonc"), "--preset", `${preset}x`]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, new RegExp(`Write "${preset}"`));
    assert.ok(!existsSync(join(folder, "b.jsonc")));
  }));

Deno.test("config check names each problem in a line and exits with 2", () =>
  withFolder(async (folder) => {
    const path = join(folder, "bad.jsonc");
    Deno.writeTextFileSync(path, '{ "train": { "stpes": 1 }, "data": { "sources": [{ "path": "c" }] } }');
    const { code, stderr, stdout } = await wantune(["config", "check", path, "--set", "model.weights=w"]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /line 1: unknown key "train\.stpes"; did you mean "train\.steps"\?\n/);
  }));

Deno.test("config show, schema, fields and presets print what programs can read", async () => {
  const demo = new URL("../../presets/demo/demo.jsonc", import.meta.url).pathname;
  const [show, schema, fields, optim, wrong, presets] = await Promise.all([
    wantune(["config", "show", demo, "--set", "train.steps=7"]),
    wantune(["config", "schema"]),
    wantune(["config", "fields", "data", "--json"]),
    wantune(["config", "fields", "optim", "--json"]),
    wantune(["config", "fields", "dta"]),
    wantune(["config", "presets"]),
  ]);
  assert.equal(JSON.parse(show.stdout).train.steps, 7);
  assert.ok(JSON.parse(schema.stdout).properties.extends);
  const described = fields.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const resolution = described.find(({ path }) => path === "data.resolution");
  assert.equal(resolution.unit, "pixels");
  assert.ok(described.some(({ path }) => path === "data.sources.*.path"));
  const choices = new Map(
    optim.stdout.trimEnd().split("\n").map((line) => JSON.parse(line)).map((field) => [field.path, field]),
  );
  assert.match(choices.get("optim.name").allowed, /^"adamw", .*"prodigy"/);
  assert.match(choices.get("optim.d0").description, /For prodigy\.$/);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /Write "data"/);
  for (const name of presetNames()) assert.match(presets.stdout, new RegExp(`^${name} +\\S`, "m"));
});
