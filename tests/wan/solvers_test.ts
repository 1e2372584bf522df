import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Generator, liveHandles, randn, tidy } from "../../src/torch/mod.ts";
import { createSolver, makeSchedule } from "../../src/wan/solvers/mod.ts";
import { goldenDir } from "../support/paths.ts";
import { runSchedulerCase } from "../support/golden_wan.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("makeSchedule() gives the official UniPC's timesteps", () => {
  // As published in the release: sample_solver "unipc", 4 steps and 40 steps.
  assert.deepEqual(makeSchedule({ steps: 4, shift: 5, convention: "official" }).timesteps, [999, 937, 833, 624]);
  const t2v = makeSchedule({ steps: 40, shift: 12, convention: "official" }).timesteps;
  assert.deepEqual(t2v.slice(0, 8), [999, 997, 995, 993, 990, 988, 985, 982]);
  assert.deepEqual(t2v.slice(-4), [571, 492, 386, 235]);
  assert.equal(t2v.filter((t) => t >= 875).length, 26);
  const i2v = makeSchedule({ steps: 40, shift: 5, convention: "official" }).timesteps;
  assert.equal(i2v.filter((t) => t >= 900).length, 15);
});

Deno.test("makeSchedule() gives diffusers' timesteps", () => {
  assert.deepEqual(makeSchedule({ steps: 4, shift: 5, convention: "diffusers-unipc" }).timesteps, [999, 937, 833, 625]);
  const { timesteps } = makeSchedule({ steps: 50, shift: 5, convention: "diffusers-unipc" });
  assert.deepEqual(timesteps.slice(-3), [244, 175, 96]);
  const euler = makeSchedule({ steps: 4, shift: 5, convention: "diffusers-euler" }).timesteps;
  assert.deepEqual(euler.map((t) => Number(t.toFixed(3))), [1000, 909.707, 717.317, 24.414]);
});

Deno.test("makeSchedule() ends at 0 and refuses senseless numbers", () => {
  assert.equal(makeSchedule({ steps: 1, shift: 5, convention: "diffusers-euler" }).sigmas.join(), "1,0");
  assert.throws(() => makeSchedule({ steps: 0, shift: 5, convention: "official" }), /number of steps/);
  assert.throws(() => makeSchedule({ steps: 4, shift: 0, convention: "official" }), /shift/);
});

for (const kind of ["unipc", "euler"] as const) {
  Deno.test(`${kind} ends at the data when the model knows the velocity`, () => {
    leakFree(() => {
      using generator = Generator.seeded(1);
      const [data, noise] = [randn([2, 3], { generator }), randn([2, 3], { generator })];
      using solver = createSolver({ kind, steps: 7, shift: 5 });
      let sample = noise;
      for (const _ of solver.timesteps) sample = solver.step(sample, noise.sub(data));
      assert(sample.sub(data).abs().amax().item() < 2e-5);
    });
  });

  Deno.test(`${kind} begins anew after reset() and refuses a step too many`, () => {
    leakFree(() => {
      using generator = Generator.seeded(2);
      const [noise, velocity] = [randn([4], { generator }), randn([4], { generator })];
      using solver = createSolver({ kind, steps: 3, shift: 3 });
      const run = (): number[] => {
        let sample = noise;
        for (const _ of solver.timesteps) sample = solver.step(sample, velocity.mul(sample));
        return sample.toNumbers();
      };
      const once = run();
      assert.throws(() => solver.step(noise, velocity), /3 steps/);
      solver.reset();
      assert.deepEqual(run(), once);
    });
  });
}

Deno.test("a solver keeps its memory through the caller's scopes and frees it when disposed of", () => {
  const before = liveHandles();
  using generator = Generator.seeded(3);
  const noise = randn([4], { generator });
  const solver = createSolver({ kind: "unipc", steps: 5, shift: 3 });
  let sample = noise;
  for (const _ of solver.timesteps) {
    const last = sample;
    sample = tidy(() => solver.step(last, last.mul(0.5)));
    if (last !== noise) last[Symbol.dispose]();
  }
  assert.equal(liveHandles() - before, 5, "noise, sample, the start of the last step and two predictions");
  solver[Symbol.dispose]();
  sample[Symbol.dispose]();
  noise[Symbol.dispose]();
  assert.equal(liveHandles(), before);
});

const cases = join(goldenDir(), "cases");
for (const id of readdirSync(cases).filter((name) => /^(unipc|euler)_/.test(name))) {
  Deno.test(`golden ${id}`, () => leakFree(() => void runSchedulerCase(join(cases, id))));
}
