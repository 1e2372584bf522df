/** The life of a run: measured on the way, ended early, kept and pruned, paused, and continued with other settings. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { assertRefused, assertSameOutputs, CLIP, parseEvents, withWorkplace } from "../support/workplace.ts";

const CLIPS = ["plant_window_tilt.mp4", "sintel_dunes.mp4", "cockatoo_approach.mp4", "coin_pen_audio.mp4"];
const DATA = { sources: CLIPS.map((name) => ({ path: join(dirname(CLIP), name) })) };

Deno.test("validation holds clips out, keeps the best checkpoint, ends early; a killed run does all of it alike", () =>
  withWorkplace(async ({ config, run, runs, train }) => {
    // A rate at which the weights run away: the first measurement after the start stays the best.
    const path = config("cat", {
      data: DATA,
      train: { steps: 40, seed: 3, timesteps: { strata: 4 } },
      optim: { learningRate: 0.3, warmupSteps: 0 },
      validation: { everySteps: 2, share: 0.5, patience: 3 },
      save: { everySteps: 3, keep: 1, dtype: "float32" },
    });
    const whole = await run(["train", "--json", path]);
    assert.equal(whole.code, 0, whole.stderr);
    const events = parseEvents(whole.stdout);
    const measured = events.filter((event) => event.type === "validation");
    assert.deepEqual(measured.map(({ step }) => step), measured.map((_, i) => 2 * i));
    assert.ok(measured.every(({ numClips, experts: [first] }) => numClips >= 2 && first?.sigmas.length === 5));
    const best = measured.findLast((event) => event.best)?.step ?? NaN;
    const ended = measured.at(-1)?.step ?? NaN;
    assert.equal(ended, best + 6, "three measurements without a better one");
    assert.ok(ended < 40, `ended at step ${ended}`);
    const why = `3 measurements in a row were no better than that of step ${best} (validation.patience)`;
    assert.equal(events.findLast((event) => event.type === "run.ended")?.early, why);
    const [unbroken = ""] = runs();
    const kept = readdirSync(join(unbroken, "checkpoints")).map((name) => Number(name.slice(5))).sort((a, b) => a - b);
    assert.deepEqual(kept, [best, ended], "the best, and the last");
    const outputs = events.flatMap((event) => event.type === "outputs" ? event.paths : []);
    assert.equal(outputs.filter((file) => file.includes("/outputs/best/")).length, 2);

    await using child = train([path]);
    await child.until("validation", ({ step }) => step === 4);
    child.kill("SIGKILL");
    await child.end();
    const [, broken = ""] = runs();
    const resumed = await run(["train", "--json", "--resume", broken]);
    assert.equal(resumed.code, 0, resumed.stderr);
    for (const folder of ["outputs", "outputs/best"]) {
      const [a, b] = [unbroken, broken].map((each) =>
        readdirSync(join(each, folder)).filter((name) => name.endsWith(".safetensors"))
          .map((name) => [name, Deno.readFileSync(join(each, folder, name))])
      );
      assert.deepEqual(b, a);
    }
    const again = parseEvents(resumed.stdout).filter((event) => event.type === "validation");
    assert.ok(again.length > 0);
    for (const { step, loss } of again) assert.equal(loss, measured.find((event) => event.step === step)?.loss);
  }));

Deno.test("a run goes on with other settings and says which; with the same ones its files are as if it had had them", () =>
  withWorkplace(async ({ config, run, runs }) => {
    const path = config("cat", { train: { steps: 4 } });
    assert.equal((await run(["train", path])).code, 0);
    const [first = ""] = runs();
    const longer = await run(["train", "--json", "--resume", first, "--set", "train.steps=8"]);
    assert.equal(longer.code, 0, longer.stderr);
    const started = parseEvents(longer.stdout).find((event) => event.type === "run.started");
    assert.equal(started?.resumedFrom, 4);
    assert.deepEqual(started?.changes?.map(({ path, from, to }) => [path, from, to]), [["train.steps", 4, 8]]);
    assert.equal((await run(["train", config("cat", { train: { steps: 8 } })])).code, 0);
    assertSameOutputs(runs()[1] ?? "", first);

    // A config beside the run, with what can and what cannot change.
    const other = config("cat", { train: { steps: 8 }, optim: { learningRate: 0.002, warmupSteps: 2 } });
    const changed = await run(["train", "--resume", first, other]);
    assert.equal(changed.code, 0, changed.stderr);
    assert.match(changed.stdout, /^changed: optim\.learningRate from 0\.001 to 0\.002: .*remembers/m);
    const again = await run(["train", "--json", "--resume", first]);
    assert.equal(parseEvents(again.stdout).find((event) => event.type === "run.started")?.changes, undefined);
    const rank = config("cat", { method: { rank: 4 } });
    assertRefused(
      await run(["train", "--resume", first, rank]),
      2,
      /^wantune: Cannot go on .* method\.rank from 2 to 4: .*\n$/,
    );
    const shorter = ["train", "--resume", first, "--set", "train.steps=6"];
    assertRefused(await run(shorter), 2, /^wantune: Cannot go on to step 6: the run has taken 8 steps already\. .*\n$/);
    const { train } = JSON.parse(Deno.readTextFileSync(join(first, "config.json")));
    assert.equal(train.steps, 8, "a resume that is refused changes nothing");
  }));

Deno.test("a loss that explodes ends the run before the update, with the clips named and the checkpoint whole", () =>
  withWorkplace(async ({ config, run, runs }) => {
    // Of a model this small the loss at little noise is a good deal above that at much.
    const path = config("cat", {
      train: { steps: 60, seed: 3, maxLossRatio: 1.1, timesteps: { law: "uniform", shift: 1 } },
      save: { everySteps: 4 },
    });
    const exploded = await run(["train", path]);
    assertRefused(
      exploded,
      1,
      /^wantune: Step \d+ gave a loss of .*nothing was updated\. Its clips: \S*plant_window_tilt\.mp4\. Look at these .*\n$/,
    );
    const [folder = ""] = runs();
    assert.ok(readdirSync(join(folder, "checkpoints")).length > 0);
    assert.match((await run(["runs", "list"])).stdout, / failed /);
  }));

Deno.test("a run that is trained can be paused, saved, sampled and stopped from another terminal", () =>
  withWorkplace(async ({ config, run, runs, train }) => {
    const path = config("cat", {
      train: { steps: 500 },
      sample: { prompts: ["a tree"], width: 64, height: 64, numFrames: 5, steps: 1, everySteps: 1000 },
      save: { everySteps: 1000 },
    });
    await using child = train([path]);
    await child.until("step", ({ step }) => step === 2);
    const [folder = ""] = runs();
    const wish = async (word: string): Promise<void> => {
      const { code, stderr } = await run(["runs", word, folder]);
      assert.equal(code, 0, stderr);
    };
    await wish("pause");
    const { step } = await child.until("pause", ({ paused }) => paused);
    assert.match((await run(["runs", "list"])).stdout, / paused /);
    await wish("save");
    assert.equal((await child.until("checkpoint")).step, step, "saved while it waits");
    await wish("sample");
    assert.equal((await child.until("sample")).step, step, "sampled while it waits");
    await wish("resume");
    const between = child.events.length;
    await child.until("pause", ({ paused }) => !paused);
    assert.ok(child.events.slice(between).every(({ type }) => type !== "step"), "nothing was trained meanwhile");
    await child.until("step", (event) => event.step > step);
    await wish("stop");
    assert.equal((await child.end()).code, 130);
    const last = child.events.findLast((event) => event.type === "step")?.step;
    assert.equal(child.events.findLast((event) => event.type === "checkpoint")?.step, last);
  }));
