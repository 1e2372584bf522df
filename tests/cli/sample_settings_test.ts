import assert from "node:assert/strict";
import { join } from "node:path";
import { parseWishes } from "../../src/cli/sample/wishes.ts";
import { completeSettings, type SampleSettings } from "../../src/cli/sample/settings.ts";
import { openModel } from "../../src/wan/mod.ts";
import { goldenDir } from "../support/paths.ts";

const MODEL = openModel(join(goldenDir(), "checkpoints", "ti2v_5b"));

function settings(...args: string[]): SampleSettings {
  return completeSettings(MODEL, { wishes: parseWishes(args), given: {} });
}

Deno.test("what is said of a solver is among the settings, and nothing else is", () => {
  const { solver, solverOrder, solverType, corrector, sigmas } = settings(
    ...["--solver-order", "3", "--solver-type", "bh1", "--corrector", "off", "--sigmas", "official"],
  );
  assert.deepEqual([solver, solverOrder, solverType, corrector, sigmas], ["unipc", 3, "bh1", false, "official"]);
  const silent = settings();
  for (const name of ["solverOrder", "solverType", "corrector", "sigmas"]) assert.ok(!(name in silent), name);
  assert.equal(settings("--solver", "dpm++", "--solver-order", "1", "--sigmas", "official").solverOrder, 1);
});

Deno.test("what a solver cannot do is refused", () => {
  assert.throws(() => settings("--solver-order", "4"), /with unipc like this: it has the order 3 at most, not 4/);
  const dpm = ["--solver", "dpm++"];
  assert.throws(() => settings(...dpm, "--solver-order", "3"), /it has the order 2 at most, not 3/);
  assert.throws(() => settings(...dpm, "--solver-type", "bh2"), /it has no type/);
  assert.throws(() => settings("--solver", "euler", "--solver-order", "2"), /it has the order 1 alone, not 2/);
  assert.throws(() => settings("--solver", "euler", "--corrector", "on"), /it has no corrector/);
  assert.throws(() => settings("--corrector", "maybe"), /Allowed are on and off/);
});
