import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskError, RunError } from "../../src/base/mod.ts";
import { parseConfig, type RunConfig } from "../../src/config/mod.ts";
import { RunFolder } from "../../src/runs/mod.ts";
import { startEvent, stepEvent } from "../support/events.ts";
import { withFolder, withSmallDisk } from "../support/tmp.ts";

function config(folder: string): RunConfig {
  const text = '{"model":{"weights":"w"},"data":{"sources":[{"path":"c"}]},"train":{"steps":10}}';
  return parseConfig(text, { path: join(folder, "a.jsonc") });
}

/** A process that opens the run, appends steps for ever, and says so. */
const TRAINER = `
  const { RunFolder } = await import(Deno.args[0]);
  const { stepEvent, startEvent } = await import(Deno.args[1]);
  const run = RunFolder.open(Deno.args[2], { lock: true });
  run.append(startEvent(1000000));
  console.log("ready");
  for (let step = 1;; step++) { run.append(stepEvent(step)); run.heartbeat(); }
`;

Deno.test("a run is locked while its process lives, free and whole after kill -9, and dead until it is resumed", () =>
  withFolder(async (folder) => {
    const path = ((): string => {
      using run = RunFolder.create(config(folder));
      assert.throws(() => RunFolder.open(run.path, { lock: true }), /already running with pid/);
      return run.path;
    })();
    const script = join(folder, "trainer.ts");
    Deno.writeTextFileSync(script, TRAINER);
    const modules = ["../../src/runs/mod.ts", "../support/events.ts"].map((name) =>
      new URL(name, import.meta.url).href
    );
    const root = new URL("../../deno.json", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", root, script, ...modules, path],
      stdout: "piped",
    }).spawn();
    const output = child.stdout.getReader();
    await output.read();
    await new Promise((done) => setTimeout(done, 200));
    assert.throws(() => RunFolder.open(path, { lock: true }), (error: unknown) => {
      assert.ok(error instanceof RunError);
      assert.match(error.message, new RegExp(`already running with pid ${child.pid}`));
      return true;
    });
    {
      using look = RunFolder.open(path);
      assert.equal(look.summary().status, "running");
      assert.equal(look.summary().pid, child.pid);
    }
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
    {
      using look = RunFolder.open(path);
      assert.equal(look.summary().status, "dead");
    }
    using run = RunFolder.open(path, { lock: true });
    const events = run.events();
    const steps = run.metrics("loss").length;
    assert.ok(steps > 0);
    assert.equal(events.length, steps + 1, "an event and its metrics are stored together or not at all");
    assert.equal(run.append(startEvent(10, 0)).seq, events.length + 1);
    assert.equal(run.summary().status, "running");
  }));

Deno.test("a full disk is told by a DiskError, and what was stored before is whole", async () => {
  await withSmallDisk(1024, (folder) => {
    using run = RunFolder.create(config(folder));
    run.append(startEvent(10));
    let step = 0;
    assert.throws(() => {
      for (;;) run.append({ type: "warning", message: `${++step} `.repeat(2000) });
    }, (error: unknown) => error instanceof DiskError && /the disk is full/.test(error.message));
    assert.equal(run.events().length, step);
    using look = RunFolder.open(run.path);
    assert.equal(look.events().length, step);
    assert.throws(() => RunFolder.create(config(folder)), DiskError);
  });
});

Deno.test("appending a step and looking for wishes costs little beside a step", () =>
  withFolder((folder) => {
    using run = RunFolder.create(config(folder));
    const begun = performance.now();
    for (let step = 1; step <= 300; step++) {
      run.append(stepEvent(step));
      run.controls.take();
    }
    const each = (performance.now() - begun) / 300;
    assert.ok(each < 10, `${each.toFixed(2)} ms`); // measured 0.4 ms; the limit leaves room for a busy machine
  }));
