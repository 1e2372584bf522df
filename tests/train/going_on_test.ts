/** Runs that go on with other settings, in this process: whose turn it is, and what is left where they cannot. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "../../src/base/mod.ts";
import type { RunEvent } from "../../src/events/mod.ts";
import { trainRun, withRun } from "../support/run.ts";
import { T2V } from "../support/session.ts";
import { useTorch } from "../support/torch.ts";
import type { Sections } from "../support/workplace.ts";

await useTorch();

const BOTH: Sections = { model: { weights: T2V, device: "cpu" }, train: { steps: 3, switchEvery: 2, seed: 3 } };

/** Whose each step was. */
const turnsOf = (events: readonly RunEvent[]): string =>
  events.flatMap((event) => event.type === "step" ? [event.expert === "high" ? "H" : "L"] : []).join("");

/** Makes the newest checkpoint one of a time when nothing was remembered of the steps taken. */
function forgetSteps(checkpoints: string): void {
  const manifest = join(checkpoints, readdirSync(checkpoints).sort().at(-1) ?? "", "manifest.json");
  const { journal, ...rest } = JSON.parse(Deno.readTextFileSync(manifest));
  assert.ok(journal.taken);
  delete journal.taken;
  Deno.writeTextFileSync(manifest, JSON.stringify({ ...rest, journal }));
}

Deno.test("two experts that go on for more steps each take as many as are asked for, from old checkpoints too", () =>
  withRun(BOTH, async (folder) => {
    assert.equal(turnsOf(await trainRun(folder)), "HHLLHL");
    assert.equal(turnsOf(await trainRun(folder, { set: ["train.steps=4"] })), "HL");
    forgetSteps(folder.checkpointsDir);
    assert.equal(turnsOf(await trainRun(folder, { set: ["train.experts.high.steps=5", "train.steps=6"] })), "HLL");
    const taken = ["high", "low"].map((expert) => folder.metrics(`loss.${expert}`).length);
    assert.deepEqual(taken, [5, 6]);
  }));

Deno.test("an expert that has taken more steps than it is to take in all is named, and the run stays as it was", () =>
  withRun(BOTH, async (folder) => {
    await trainRun(folder);
    const fewer = { set: ["train.experts.high.steps=2", "train.experts.low.steps=8"] };
    await assert.rejects(trainRun(folder, fewer), (error: unknown) => {
      assert.ok(error instanceof RunError);
      assert.match(error.message, /^Cannot go on to step 2: the high-noise expert has taken 3 steps already\.$/);
      return true;
    });
    assert.equal(JSON.parse(Deno.readTextFileSync(join(folder.path, "config.json"))).train.experts, undefined);
    assert.equal(turnsOf(await trainRun(folder, { set: ["train.steps=4"] })), "HL");
  }));
