import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  assertRefused,
  assertSameOutputs,
  CLIP,
  MODEL,
  parseEvents,
  TrainProcess,
  withWorkplace,
} from "../support/workplace.ts";

Deno.test("train: from clips to LoRA files that sample takes, told by events and by runs", () =>
  withWorkplace(async ({ folder, config, run, runs }) => {
    const trained = await run(["train", config("cat"), "--json"]);
    assert.equal(trained.code, 0, trained.stderr);
    assert.equal(trained.stderr, "");
    const events = parseEvents(trained.stdout);
    const steps = events.filter((event) => event.type === "step");
    assert.deepEqual(steps.map(({ step }) => step), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(events.map(({ seq }) => seq), events.map((_, i) => i + 1));
    const checkpoints = events.filter((event) => event.type === "checkpoint");
    assert.deepEqual(checkpoints.map(({ step }) => step), [2, 4, 6]);
    assert.ok(checkpoints.slice(-2).every(({ path }) => existsSync(join(path, "manifest.json"))));
    const last = events.at(-1);
    assert.ok(last?.type === "run.ended" && last.status === "done" && last.exitCode === 0);
    const loras = events.flatMap((event) => event.type === "outputs" ? event.paths : []);
    assert.equal(loras.length, 2);

    const [path = ""] = runs();
    const listed = JSON.parse((await run(["runs", "list", "--json"])).stdout);
    assert.deepEqual([listed.path, listed.status, listed.step], [path, "done", 6]);
    const shown = JSON.parse((await run(["runs", "show", "--json"])).stdout);
    assert.deepEqual(shown.outputs, loras);
    assert.deepEqual(shown.loss, steps.map(({ step, loss }) => ({ step, value: loss })));

    for (const [i, lora] of loras.entries()) {
      const args = ["--width", "64", "--height", "64", "--frames", "5", "--steps", "1", "--lora", `${lora}:0.8`];
      const out = join(folder, `${i}.mp4`);
      const sampled = await run(["sample", "--model", MODEL, "--prompt", "a cat", ...args, "--out", out]);
      assert.equal(sampled.code, 0, sampled.stderr);
      assert.match(sampled.stdout, /^saved .*\.mp4: 5 frames of 64x64 at 8 fps, 1 steps? of unipc.*\n$/m);
      assert.ok(Deno.statSync(out).size > 0);
    }
  }));

Deno.test("train: Ctrl-C saves and exits with 130; a resumed run writes the files of an unbroken one", () =>
  withWorkplace(async ({ config, run, runs, train }) => {
    const path = config("cat", { train: { steps: 24, seed: 3 }, save: { everySteps: 1000, dtype: "float32" } });
    const whole = await run(["train", path]);
    assert.equal(whole.code, 0, whole.stderr);
    await using child = train([path]);
    await child.until("step", ({ step }) => step === 5);
    child.kill("SIGINT");
    const stopped = await child.end();
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(
      stopped.stderr,
      /^wantune: Stopped; everything is saved in .* Go on with `wantune train --resume .*`\.\n$/,
    );
    const [unbroken = "", broken = ""] = runs();
    const saved = child.events.find((event) => event.type === "checkpoint")?.step ?? 0;
    assert.ok(saved >= 5 && saved < 24, `saved at step ${saved}`);
    assert.equal(JSON.parse((await run(["runs", "list", "--json"])).stdout.split("\n")[0] ?? "").status, "stopped");

    const resumed = await run(["train", "--json", "--resume", broken]);
    assert.equal(resumed.code, 0, resumed.stderr);
    const started = parseEvents(resumed.stdout).find((event) => event.type === "run.started");
    assert.equal(started?.resumedFrom, saved);
    assertSameOutputs(unbroken, broken);
  }));

Deno.test("train: a second Ctrl-C leaves at once, in the middle of a step", () =>
  withWorkplace(async ({ config, runs, train }) => {
    const path = config("cat", { train: { steps: 3, gradientAccumulation: 2000 } }); // a step of a minute
    await using child = train([path]);
    await child.until("run.started");
    await new Promise((done) => setTimeout(done, 500));
    child.kill("SIGINT");
    await new Promise((done) => setTimeout(done, 500));
    const begun = performance.now();
    child.kill("SIGINT");
    const { code } = await child.end();
    assert.equal(code, 130);
    assert.ok(performance.now() - begun < 5000);
    assert.deepEqual(readdirSync(join(runs()[0] ?? "", "checkpoints")), []);
  }));

Deno.test("train: kept and recomputed blocks give bit-identical parameters after 10 steps", () =>
  withWorkplace(async ({ config, run, runs }) => {
    for (const blocks of ["keep", "recompute", 2]) {
      const path = config("cat", {
        train: { steps: 10, batchSize: 2, imageConditioning: 0.5 },

        memory: { blocks },
        save: { everySteps: 10 },
      });
      const { code, stderr } = await run(["train", path]);
      assert.equal(code, 0, stderr);
    }
    const [kept, recomputed, mixed] = runs().map((path) =>
      ["params", "optimizer"].map((name) =>
        Deno.readFileSync(join(path, "checkpoints", "step-00000010", `${name}.safetensors`))
      )
    );
    assert.ok(kept?.every((bytes) => bytes.length > 1000));
    assert.deepEqual(recomputed, kept);
    assert.deepEqual(mixed, kept);
  }));

Deno.test("train: Ctrl-C in a terminal while clips are encoded rejects none, exits with 130, and the run can go on", () =>
  withWorkplace(async ({ config, env, folder, run, runs }) => {
    const clips = ["cockatoo_approach.mp4", "sintel_dunes.mp4", "plant_window_tilt.mp4", "coin_pen_audio.mp4"];
    const path = config("cat", {
      data: {
        sources: clips.map((name) => ({ path: join(dirname(CLIP), name) })),
        resolution: { width: 128, height: 128 },
        numFrames: 17,
        fps: 8,
      },
      sample: { prompts: ["a cat"], width: 64, height: 64, numFrames: 5, steps: 1 },
    });
    // in a process group of its own, to which the signal goes as a terminal sends it: to ffmpeg too
    await using child = new TrainProcess(["train", "--json", path], { cwd: folder, env, detached: true });
    await child.until("stage", ({ stage, item }) => stage === "encoding" && item?.endsWith(".mp4") === true);
    child.killGroup("SIGINT");
    assertRefused(await child.end(), 130, /^wantune: Stopped; .*\n$/);
    const files = child.events.filter((event) => event.type === "file");
    assert.deepEqual(files, [], "all are encoded already, or one is rejected");
    const last = child.events.at(-1);
    assert.ok(last?.type === "run.ended" && last.status === "stopped");
    const resumed = await run(["train", "--json", "--resume", runs()[0] ?? ""]);
    assert.equal(resumed.code, 0, resumed.stderr);
    const samples = parseEvents(resumed.stdout).filter((event) => event.type === "sample");
    assert.deepEqual(samples.map(({ step }) => step), [0, 6]);
  }));

Deno.test("train: a resume tells that the clips have changed, and makes samples that a crash came before", () =>
  withWorkplace(async ({ folder, config, run, runs, train }) => {
    const caption = join(folder, "clip.txt");
    cpSync(CLIP, join(folder, "clip.mp4"));
    Deno.writeTextFileSync(caption, "a plant");
    const sections = {
      data: { sources: [{ path: folder }], resolution: { width: 64, height: 64 }, numFrames: 5, fps: 8 },
      sample: { prompts: ["a cat"], everySteps: 4, width: 64, height: 64, numFrames: 5, steps: 10, guidanceScale: 1 },
    };
    await using child = train([config("cat", sections)]);
    await child.until("checkpoint", ({ step }) => step === 4);
    child.kill("SIGKILL"); // while the sample of step 4 is made
    await child.end();
    const same = await run(["train", "--json", "--resume", runs()[0] ?? ""]);
    assert.equal(same.code, 0, same.stderr);
    const events = parseEvents(same.stdout);
    assert.deepEqual(events.flatMap((event) => event.type === "sample" ? [event.step] : []), [4, 6]);
    assert.deepEqual(events.filter((event) => event.type === "warning"), []);
    Deno.writeTextFileSync(caption, "a tree");
    const changed = await run(["train", "--resume", runs()[0] ?? ""]);
    assert.equal(changed.code, 0, changed.stderr);
    assert.match(changed.stdout, /^warning: clips, captions or encoders are not those that .* up to step 6 \(put/m);
  }));
