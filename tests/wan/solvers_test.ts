import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Generator, liveHandles, randn, tensor, tidy } from "../../src/torch/mod.ts";
import {
  createSolver,
  makeSchedule,
  type SolverKind,
  solverOf,
  type SolverOptions,
  type UniPcVariant,
} from "../../src/wan/solvers/mod.ts";
import { goldenDir } from "../support/paths.ts";
import { runSchedulerCase } from "../support/golden_wan.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import reference from "./reference/solvers.json" with { type: "json" };

await useTorch();

Deno.test("makeSchedule() gives the official UniPC's timesteps", () => {
  // As published in the release: sample_solver "unipc", 4 steps and 40 steps.
  const timesteps = (steps: number, shift: number): readonly number[] =>
    makeSchedule({ kind: "unipc", steps, shift, convention: "official" }).timesteps;
  assert.deepEqual(timesteps(4, 5), [999, 937, 833, 624]);
  const t2v = timesteps(40, 12);
  assert.equal(
    t2v.join(" "),
    "999 997 995 993 990 988 985 982 979 976 972 969 965 961 956 952 947 941 936 929 922 915 907 898 888 877 " +
      "865 852 837 819 799 776 749 717 678 631 571 492 386 235",
  );
  assert.equal(t2v.filter((t) => t >= 875).length, 26);
  const i2v = timesteps(40, 5);
  assert.equal(
    i2v.join(" "),
    "999 994 989 983 978 972 965 959 952 944 937 929 920 911 902 " +
      "892 882 870 859 846 833 818 803 786 768 749 728 706 681 654 624 591 555 514 468 416 356 288 208 113",
  );
  assert.equal(i2v.filter((t) => t >= 900).length, 15);
  assert.equal(
    timesteps(50, 5).join(" "),
    "999 995 991 987 982 978 973 968 963 957 952 946 940 934 927 920 913 906 898 890 882 873 863 854 843 833 821 809 " +
      "796 783 768 753 737 720 701 681 660 636 611 584 555 522 487 448 405 356 302 241 172 92",
  );
});

Deno.test("makeSchedule() gives the official DPM++'s timesteps", () => {
  const { timesteps, sigmas } = makeSchedule({ kind: "dpm++", steps: 12, shift: 5, convention: "official" });
  assert.deepEqual(timesteps, [1000, 982, 961, 937, 909, 875, 833, 781, 714, 625, 500, 312]);
  assert.equal(sigmas[0], 1);
});

Deno.test("makeSchedule() gives diffusers' timesteps", () => {
  const timesteps = (kind: SolverKind, steps: number, shift: number): readonly number[] =>
    makeSchedule({ kind, steps, shift, convention: "diffusers" }).timesteps;
  assert.deepEqual(timesteps("unipc", 4, 5), [999, 937, 833, 625]);
  assert.deepEqual(timesteps("unipc", 50, 5).slice(-3), [244, 175, 96]);
  assert.deepEqual(timesteps("unipc", 40, 12).slice(-3), [496, 391, 242]);
  const euler = (steps: number): number[] => timesteps("euler", steps, 5).map((t) => Number(t.toFixed(3)));
  assert.deepEqual(euler(4), [1000, 909.707, 717.317, 24.414]);
  assert.deepEqual(euler(50).slice(-3), [192.804, 114.819, 24.414]);
  // DPMSolverMultistepScheduler(use_flow_sigmas=True, flow_shift=5.0), set_timesteps(8)
  assert.deepEqual(timesteps("dpm++", 8, 5), [999, 972, 937, 892, 833, 749, 624, 416]);
});

Deno.test("makeSchedule() ends at 0 and refuses senseless numbers", () => {
  const kind = "euler";
  assert.equal(makeSchedule({ kind, steps: 1, shift: 5, convention: "diffusers" }).sigmas.join(), "1,0");
  assert.throws(() => makeSchedule({ kind, steps: 0, shift: 5, convention: "official" }), /number of steps/);
  assert.throws(() => makeSchedule({ kind, steps: 4, shift: 0, convention: "official" }), /shift/);
});

Deno.test("createSolver() refuses orders that there are none of", () => {
  assert.throws(() => createSolver({ kind: "unipc", steps: 4, shift: 5, order: 4 }), /orders 1, 2 and 3, not 4/);
  assert.throws(() => createSolver({ kind: "dpm++", steps: 4, shift: 5, order: 3 }), /orders 1 and 2, not 3/);
});

Deno.test("solverOf() tells a solver what a user says in diffusers' words", () => {
  const said = { solver: "unipc", solverOrder: 3, solverType: "bh1", corrector: false, sigmas: "official" } as const;
  const wanted = { kind: "unipc", order: 3, variant: "bh1", corrector: false, convention: "official" };
  assert.deepEqual(solverOf(said), wanted);
  assert.deepEqual(solverOf({ solver: "euler" }), { kind: "euler" });
});

/** The walk that reference/solvers.json holds: 8 steps at shift 5 with velocities by a formula. */
function referenceWalk(options: Omit<SolverOptions, "steps" | "shift">): number[][] {
  return tidy(() => {
    using solver = createSolver({ ...options, steps: 8, shift: 5 });
    let sample = tensor([0.5, -1.25, 2], { shape: [1, 1, 3] });
    return solver.timesteps.map((_, i) => {
      const velocity = [0, 1, 2].map((k) => Math.sin(1.3 * i + 0.7 * k + 0.2) * (1 + 0.1 * i));
      sample = solver.step(sample, tensor(velocity, { shape: [1, 1, 3] }));
      return sample.toNumbers();
    });
  });
}

// The reference walks like this, with sigmas cast to float64 and scheduler.step(velocity(i), t, x) for each timestep t:
//   UniPCMultistepScheduler(solver_order=order, solver_type=variant, prediction_type="flow_prediction",
//     use_flow_sigmas=True, flow_shift=5.0, disable_corrector=[] or list(range(8))), set_timesteps(8)
//   DPMSolverMultistepScheduler(solver_order=order, algorithm_type="dpmsolver++", solver_type="midpoint", ...)
//   FlowDPMSolverMultistepScheduler(shift=1), set_timesteps(sigmas=get_sampling_sigmas(8, 5.0)) for "official"
// Its last step is NaN with bh1: there it multiplies zero by infinity. There the sample is the data itself.
for (const [name, wanted] of Object.entries(reference)) {
  Deno.test(`createSolver() walks like the reference: ${name}`, () => {
    leakFree(() => {
      const [kind, first = "", second = ""] = name.split(" ");
      const [order, variant, corrector] = kind === "unipc"
        ? [Number(first), second as UniPcVariant, !name.endsWith("uncorrected")]
        : [second === "" ? 2 : Number(second), "bh2" as const, true];
      const convention = first === "official" ? first : "diffusers";
      const walk = referenceWalk({ kind: kind as SolverKind, order, variant, corrector, convention });
      walk.flat().forEach((value, i) => {
        const other = wanted[Math.floor(i / 3)]?.[i % 3] ?? null;
        if (other === null) assert(i >= 21 && Number.isFinite(value), `${i}: ${value}`);
        else assert(Math.abs(value - other) < 3e-6, `${i}: ${value} is not ${other}`);
      });
    });
  });
}

for (const kind of ["unipc", "euler", "dpm++"] as const) {
  Deno.test(`${kind} ends at the data when the model knows the velocity`, () => {
    leakFree(() => {
      using generator = Generator.seeded(1);
      const [data, noise] = [randn([2, 3], { generator }), randn([2, 3], { generator })];
      using solver = createSolver({ kind, steps: 7, shift: 5 });
      let sample = data.add(noise.sub(data), solver.sigmas[0]);
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
