import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RunError } from "../../src/base/mod.ts";
import { parseConfig, type RunConfig } from "../../src/config/mod.ts";
import { EventBus } from "../../src/events/mod.ts";
import { findRun, listRuns, RunFolder } from "../../src/runs/mod.ts";
import { EXAMPLES, startEvent, stepEvent } from "../support/events.ts";
import { withFolder } from "../support/tmp.ts";

function config(folder: string, name = "My Cat!"): RunConfig {
  const text = '{"model":{"weights":"w"},"data":{"sources":[{"path":"c"}]},"train":{"steps":10}}';
  return parseConfig(text, { path: join(folder, "a.jsonc"), set: [`name=${name}`] });
}

Deno.test("create() makes a folder with a readable id and the config, which open() gives back", () =>
  withFolder((folder) => {
    const wanted = config(folder);
    using run = RunFolder.create(wanted, { now: new Date("2026-03-01T12:00:00Z") });
    assert.match(run.id, /^20260301-120000-my-cat-[0-9a-f]{4}$/);
    assert.equal(run.path, join(folder, "runs", run.id));
    using other = RunFolder.open(run.path);
    assert.deepEqual(other.config, wanted);
    assert.equal(other.configHash, run.configHash);
    assert.equal(other.summary().createdAt, "2026-03-01T12:00:00.000Z");
  }));

Deno.test("append() numbers events over processes, and events() gives back what was appended", () =>
  withFolder((folder) => {
    let path: string;
    {
      using run = RunFolder.create(config(folder));
      path = run.path;
      for (const body of EXAMPLES.filter((example) => example.type !== "run.started")) run.append(body);
    }
    using run = RunFolder.open(path, { lock: true });
    const { seq } = run.append({ type: "warning", message: "again" });
    const events = run.events();
    assert.deepEqual(events.map((event) => event.seq), Array.from({ length: seq }, (_, i) => i + 1));
    assert.ok(events.every((event) => event.run === run.id));
    assert.deepEqual(run.events(seq - 1).map((event) => event.type), ["warning"]);
  }));

Deno.test("a resume supersedes what was told about later steps", () =>
  withFolder((folder) => {
    using run = RunFolder.create(config(folder));
    run.append(startEvent(10));
    for (let step = 1; step <= 6; step++) run.append(stepEvent(step, 100 + step));
    run.append({ type: "sample", step: 6, path: "6.mp4", prompt: "p", seed: 0 });
    run.append({ type: "checkpoint", step: 4, path: "4", bytes: 1 });
    run.append(startEvent(10, 4));
    assert.deepEqual(run.metrics("loss").map(({ step }) => step), [1, 2, 3, 4]);
    assert.equal(run.summary().step, 4);
    for (const step of [5, 6, 7]) run.append(stepEvent(step, 200 + step));
    assert.deepEqual(run.metrics("loss").map(({ value }) => value), [101, 102, 103, 104, 205, 206, 207]);
    const steps = (superseded: boolean): number[] =>
      run.events(0, { superseded }).flatMap((event) => event.type === "step" ? [event.step] : []);
    assert.deepEqual(steps(false), [1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(steps(true), [1, 2, 3, 4, 5, 6, 5, 6, 7]);
    assert.ok(!run.events().some((event) => event.type === "sample"));
    assert.equal(run.metrics("residentBytes").length, 7);
  }));

Deno.test("wishes are taken once, in order, by the one who trains; those left from before are forgotten", () =>
  withFolder((folder) => {
    using run = RunFolder.create(config(folder));
    using other = RunFolder.open(run.path);
    other.controls.post("save");
    other.controls.post("stop");
    assert.deepEqual(run.controls.take(), ["save", "stop"]);
    assert.deepEqual(run.controls.take(), []);
    other.controls.post("stop");
    run[Symbol.dispose]();
    using again = RunFolder.open(run.path, { lock: true });
    assert.deepEqual(again.controls.take(), []);
    assert.throws(() => other.append({ type: "outputs", paths: [] }), TypeError);
  }));

Deno.test("latestCheckpoint() is the highest step whose manifest can be read", () =>
  withFolder((folder) => {
    using run = RunFolder.create(config(folder));
    assert.equal(run.latestCheckpoint(), undefined);
    const put = (name: string, manifest?: string): void => {
      Deno.mkdirSync(join(run.checkpointsDir, name));
      if (manifest !== undefined) Deno.writeTextFileSync(join(run.checkpointsDir, name, "manifest.json"), manifest);
    };
    put("step-9", '{"step": 9, "loss": 1}');
    put("step-10", '{"step": 10}');
    put("step-11"); // killed before the manifest
    put("step-12", '{"step": 1'); // cut off
    put("step-13", '{"other": 13}');
    put(".step-14", '{"step": 14}'); // still under its temporary name
    assert.deepEqual(run.latestCheckpoint()?.step, 10);
    assert.equal(run.latestCheckpoint()?.path, join(run.checkpointsDir, "step-10"));
    assert.equal(run.summary().checkpointStep, 10);
  }));

Deno.test("summary() and listRuns() tell running, ended, dead and unreadable runs apart, newest first", () =>
  withFolder((folder) => {
    const runsDir = config(folder).runsDir;
    assert.deepEqual(listRuns(runsDir), []);
    const make = (minute: number, ...bodies: Parameters<RunFolder["append"]>): RunFolder => {
      const run = RunFolder.create(config(folder), { now: new Date(Date.UTC(2026, 0, 1, 0, minute)) });
      run.append(startEvent(10));
      for (const body of bodies) run.append(body);
      return run;
    };
    const ended = make(1, { type: "run.ended", status: "failed", error: "no memory", exitCode: 4, seconds: 1 });
    assert.equal(ended.summary().status, "failed");
    ended[Symbol.dispose]();
    make(2, stepEvent(3))[Symbol.dispose](); // its process is gone without an end
    using running = make(3, stepEvent(2, 0.5));
    running.heartbeat();
    Deno.mkdirSync(join(runsDir, "20260101-000400-x-0000"));
    Deno.writeTextFileSync(join(runsDir, "20260101-000400-x-0000", "config.json"), "{}");
    Deno.writeTextFileSync(join(runsDir, "20260101-000400-x-0000", "run.db"), "no database at all".repeat(100));
    Deno.mkdirSync(join(runsDir, "something else"));
    const runs = listRuns(runsDir);
    assert.deepEqual(runs.map((run) => run.status), ["unreadable", "running", "dead", "failed"]);
    assert.match(runs[0]?.error ?? "", /the file is damaged/);
    const [, shown, , failed] = runs;
    assert.ok(shown?.status === "running");
    assert.deepEqual([shown.step, shown.totalSteps, shown.loss, shown.pid], [2, 10, 0.5, Deno.pid]);
    assert.equal(failed?.error, "no memory");
  }));

Deno.test("findRun() takes a path, an id, a part of one, or the newest; and says when it cannot tell", () =>
  withFolder((folder) => {
    const runsDir = config(folder).runsDir;
    assert.throws(() => findRun(runsDir), /there is none/);
    using a = RunFolder.create(config(folder, "cat"), { now: new Date("2026-01-01") });
    using b = RunFolder.create(config(folder, "dog"), { now: new Date("2026-01-02") });
    assert.equal(findRun(runsDir), b.path);
    assert.equal(findRun(runsDir, a.id), a.path);
    assert.equal(findRun("elsewhere", a.path), a.path);
    assert.equal(findRun(runsDir, "cat"), a.path);
    assert.throws(() => findRun(runsDir, "2026"), /Cannot tell which run/);
    assert.throws(() => findRun(runsDir, "horse"), /Cannot find the run "horse"/);
    assert.throws(() => RunFolder.open(join(folder, "no")), RunError);
  }));

Deno.test("a database of a newer wantune is refused", () =>
  withFolder((folder) => {
    const run = RunFolder.create(config(folder));
    run[Symbol.dispose]();
    const db = new DatabaseSync(join(run.path, "run.db"));
    db.exec("PRAGMA user_version = 99");
    db.close();
    assert.throws(() => RunFolder.open(run.path), /written by a newer wantune \(form 99\)/);
  }));

Deno.test("a database of an older form is brought up: its results are events of the new name", () =>
  withFolder((folder) => {
    const made = RunFolder.create(config(folder));
    made.append({ type: "outputs", paths: ["a"] });
    made[Symbol.dispose]();
    const db = new DatabaseSync(join(made.path, "run.db"));
    db.exec("UPDATE events SET type = 'lora', json = replace(json, 'outputs', 'lora'); DROP TABLE configs");
    db.exec("PRAGMA user_version = 1");
    db.close();
    using run = RunFolder.open(made.path);
    assert.deepEqual(run.events().map(({ type }) => type), ["outputs"]);
  }));

Deno.test("append() records for a bus: stored before any reader hears of it", () =>
  withFolder((folder) => {
    using run = RunFolder.create(config(folder));
    using reader = RunFolder.open(run.path);
    const bus = new EventBus(run.append);
    const stored: boolean[] = [];
    bus.subscribe((event) => void stored.push(reader.events(event.seq - 1).length === 1));
    bus.emit(startEvent(10));
    bus.emit(stepEvent(1));
    assert.deepEqual(stored, [true, true]);
  }));
