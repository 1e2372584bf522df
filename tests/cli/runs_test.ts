import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseConfig, type RunConfig } from "../../src/config/mod.ts";
import { RunFolder } from "../../src/runs/mod.ts";
import { wantune } from "../support/cli.ts";
import { startEvent, stepEvent } from "../support/events.ts";
import { withFolder } from "../support/tmp.ts";

function configOf(folder: string, set: readonly string[] = []): RunConfig {
  const text = '{"model":{"weights":"w"},"data":{"sources":[{"path":"c"}]},"train":{"steps":10}}';
  return parseConfig(text, { path: join(folder, "a.jsonc"), set });
}

/** A run of two steps and a measurement that has ended. */
function made(folder: string, { name, ...rest }: { name: string; set?: readonly string[] }): string {
  using run = RunFolder.create(configOf(folder, [`name=${name}`, ...rest.set ?? []]));
  run.append(startEvent(10));
  run.append({ ...stepEvent(1, 0.5), clips: [{ sigma: 0.35, loss: 0.5 }] } as ReturnType<typeof stepEvent>);
  run.append(stepEvent(2, 0.25));
  const experts = [{ expert: "only" as const, loss: 0.75, sigmas: [{ sigma: 0.25, loss: 0.75 }] }];
  run.append({ type: "validation", step: 2, loss: 0.75, best: true, experts, numClips: 1, seconds: 1 });
  run.append({ type: "sample", step: 2, path: "2.mp4", prompt: "a cat", seed: 0, seconds: 1.5 });
  run.append({ type: "run.ended", status: "done", exitCode: 0, seconds: 3 });
  return run.path;
}

Deno.test("runs export writes one CSV line a step, or everything as JSON", () =>
  withFolder(async (folder) => {
    const path = made(folder, { name: "cat" });
    const csv = await wantune(["runs", "export", path]);
    assert.equal(csv.code, 0, csv.stderr);
    const [header = "", ...lines] = csv.stdout.trimEnd().split("\r\n");
    assert.equal(lines.length, 2);
    const column = (name: string): string[] =>
      lines.map((line) => line.split(",")[header.split(",").indexOf(name)] ?? "");
    assert.deepEqual(column("step"), ["1", "2"]);
    assert.deepEqual(column("loss"), ["0.5", "0.25"]);
    assert.deepEqual(column("loss.sigma.3"), ["0.5", ""]);
    assert.deepEqual(column("validation.sigma.0.25"), ["", "0.75"]);
    assert.deepEqual(column("sample.seconds"), ["", "1.5"]);
    const out = join(folder, "run.json");
    assert.equal((await wantune(["runs", "export", path, "--json", "--out", out])).code, 0);
    const json = JSON.parse(Deno.readTextFileSync(out));
    assert.deepEqual([json.status, json.config.name, json.metrics.length, json.validations[0].best], [
      "done",
      "cat",
      2,
      true,
    ]);
  }));

Deno.test("runs compare shows the settings that differ and what came of them", () =>
  withFolder(async (folder) => {
    const a = made(folder, { name: "cat", set: ["optim.learningRate=0.001"] });
    const b = made(folder, { name: "dog" });
    const { code, stdout, stderr } = await wantune(["runs", "compare", a, b, "--json"]);
    assert.equal(code, 0, stderr);
    const rows = new Map(
      stdout.trimEnd().split("\n").map((line) => {
        const { name, values } = JSON.parse(line);
        return [name, values];
      }),
    );
    assert.deepEqual(rows.get("optim.learningRate"), [0.001, "auto"]);
    assert.deepEqual(rows.get("name"), ["cat", "dog"]);
    assert.ok(!rows.has("train.steps"));
    assert.deepEqual(rows.get("best validation loss"), [0.75, 0.75]);
  }));

Deno.test("runs rm asks first, refuses a run that is running, and removes another", () =>
  withFolder(async (folder) => {
    const path = made(folder, { name: "cat" });
    const unasked = await wantune(["runs", "rm", path]);
    assert.equal(unasked.code, 2);
    assert.match(unasked.stderr, /^wantune: Cannot ask .* Add --yes\.\n$/);
    {
      using _running = RunFolder.open(path, { lock: true });
      const refused = await wantune(["runs", "rm", path, "--yes"]);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /already running with pid/);
      assert.ok(existsSync(join(path, "run.db")));
    }
    assert.equal((await wantune(["runs", "rm", path, "--yes"])).code, 0);
    assert.ok(!existsSync(path));
  }));

Deno.test("wishes go to a run that is running, and to no other", () =>
  withFolder(async (folder) => {
    const path = made(folder, { name: "cat" });
    const ended = await wantune(["runs", "pause", path]);
    assert.equal(ended.code, 2);
    assert.match(
      ended.stderr,
      /^wantune: Cannot pause the run .*: it is not running, but done\. Go on with it by .*\n$/,
    );
    using run = RunFolder.open(path, { lock: true });
    run.append(startEvent(10, 2));
    const sample = await wantune(["runs", "sample", path]);
    assert.match(
      sample.stderr,
      /^wantune: Cannot make samples of the run .*: its config has no section sample\. .*\n$/,
    );
    for (const wish of ["pause", "save"]) assert.equal((await wantune(["runs", wish, path])).code, 0);
    assert.deepEqual(run.controls.take(), ["pause", "save"]);
    run.append({ type: "pause", step: 2, paused: true });
    assert.equal(run.summary().status, "paused");
    assert.match((await wantune(["runs", "show", path])).stdout, new RegExp(`status +paused`));
    run.append({ type: "pause", step: 2, paused: false });
    assert.equal(run.summary().status, "running");
    run.append({ type: "run.ended", status: "done", early: "nothing got better", exitCode: 0, seconds: 3 });
    assert.match((await wantune(["runs", "show", path])).stdout, /^ended early +nothing got better$/m);
  }));
