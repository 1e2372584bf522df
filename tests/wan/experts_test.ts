import assert from "node:assert/strict";
import { join } from "node:path";
import { full, liveHandles, ones, type Tensor, tensor, tidy, zeros } from "../../src/torch/mod.ts";
import {
  Denoising,
  type Expert,
  expertAt,
  ExpertSwitch,
  type NoiseExpert,
  openModel,
  openTransformers,
  type OwnedModel,
  type TransformerInputs,
} from "../../src/wan/mod.ts";
import { goldenDir } from "../support/paths.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const config = { patchSize: [1, 2, 2], inChannels: 4, outChannels: 4 } as const;

/** Experts that say constant velocities, and a log of what became of them. */
function fakeExperts(log: string[], options: { keepBoth?: boolean } = {}): ExpertSwitch {
  const velocity = { high: 2, low: 3 };
  const load = (expert: NoiseExpert): OwnedModel => {
    log.push(`load ${expert}`);
    const weight = full([1], velocity[expert]); // must outlive the scope of the step that loads it
    return {
      config,
      forward: ({ hiddenStates, encoderHiddenStates }): Tensor =>
        zeros(hiddenStates.shape).add(weight).mul(encoderHiddenStates.mean().item()),
      [Symbol.dispose]: () => {
        log.push(`free ${expert}`);
        weight[Symbol.dispose]();
      },
    };
  };
  return new ExpertSwitch({ config, boundary: 0.875, load, ...options });
}

const inputsAt = (timestep: Tensor): TransformerInputs => ({
  hiddenStates: zeros([timestep.size(0), 4, 1, 2, 2]),
  timestep,
  encoderHiddenStates: ones([timestep.size(0), 1, 1]),
});

Deno.test("expertAt() gives the boundary to high noise", () => {
  assert.deepEqual([875, 874.9, 1000, 0].map((timestep) => expertAt(timestep, 0.875)), ["high", "low", "high", "low"]);
  assert.deepEqual([900, 899].map((timestep) => expertAt(timestep, 0.9)), ["high", "low"]);
});

Deno.test("ExpertSwitch loads an expert when it is needed and lets the other go before", () => {
  leakFree(() => {
    const log: string[] = [];
    {
      using model = fakeExperts(log);
      assert.deepEqual(model.loaded, []);
      const at = (timestep: number): number => tidy(() => model.forward(inputsAt(full([2], timestep))).mean().item());
      assert.deepEqual([at(999), at(875), at(874), at(0)], [2, 2, 3, 3]);
      assert.deepEqual(log, ["load high", "free high", "load low"]);
      // The tokens of a frame that is given are at 0; the rest says where the sample stands.
      assert.equal(model.forward(inputsAt(tensor([0, 950], { shape: [1, 2] }))).mean().item(), 2);
      assert.throws(() => model.forward(inputsAt(tensor([900, 800]))), /900, 800 do not belong to one expert/);
    }
    assert.deepEqual(log.slice(3), ["free low", "load high", "free high"]);
  });
});

Deno.test("ExpertSwitch keeps both where it is told to", () => {
  leakFree(() => {
    const log: string[] = [];
    {
      using model = fakeExperts(log, { keepBoth: true });
      for (const timestep of [999, 100, 999, 100]) model.forward(inputsAt(full([1], timestep)));
      assert.deepEqual(model.loaded, ["high", "low"]);
    }
    assert.deepEqual(log, ["load high", "load low", "free high", "free low"]);
  });
});

Deno.test("Denoising guides each expert with a scale of its own and keeps one solver across the switch", () => {
  leakFree(() => {
    const log: string[] = [];
    using model = fakeExperts(log);
    const promptEmbeds = ones([1, 3, 5]);
    const options = { solver: "euler", steps: 4, shift: 5, latents: zeros([1, 4, 1, 2, 2]), promptEmbeds } as const;
    const walkWith = (scales: { guidanceScale: number; lowNoiseGuidanceScale?: number }): number => {
      using walk = new Denoising(model, { ...options, negativePromptEmbeds: promptEmbeds.mul(0.5), ...scales });
      while (walk.stepsDone < walk.numSteps) walk.step();
      return walk.result().mean().item();
    };
    // Stops at 1, .909707, .717317, .024414 and 0: two steps of high noise. Velocities are v·(½ + g/2).
    const path = (high: number, low: number): number =>
      -(1 - 0.717317) * 2 * (0.5 + high / 2) - 0.717317 * 3 * (0.5 + low / 2);
    const near = (a: number, b: number): void => assert(Math.abs(a - b) < 1e-5, `${a}, not ${b}`);
    near(walkWith({ guidanceScale: 4, lowNoiseGuidanceScale: 3 }), path(4, 3));
    near(walkWith({ guidanceScale: 4, lowNoiseGuidanceScale: 1 }), path(4, 1));
    near(walkWith({ guidanceScale: 4 }), path(4, 4));
    assert.throws(
      () => new Denoising(model, { ...options, guidanceScale: 1, lowNoiseGuidanceScale: 3 }),
      /guidance 3 needs a negative prompt/,
    );
  });
});

Deno.test("openTransformers() opens one transformer or two, and adapts each as it is loaded", () => {
  const before = liveHandles();
  const checkpoints = join(goldenDir(), "checkpoints");
  for (const [name, wanted] of [["ti2v_5b", ["only"]], ["t2v_a14b", ["high", "low"]]] as const) {
    const adapted: Expert[] = [];
    const freed: Expert[] = [];
    const adapt = (_: unknown, expert: Expert): Disposable => {
      adapted.push(expert);
      return { [Symbol.dispose]: () => void freed.push(expert) };
    };
    {
      using model = openTransformers(openModel(join(checkpoints, name)), { adapt });
      const { inChannels } = model.config;
      for (const timestep of [950, 100]) {
        tidy(() =>
          model.forward({
            hiddenStates: zeros([1, inChannels, 1, 2, 2]),
            timestep: full([1], timestep),
            encoderHiddenStates: zeros([1, 4, 32]),
          }).mean().item()
        );
      }
    }
    assert.deepEqual(adapted, wanted);
    assert.deepEqual(freed, wanted);
  }
  assert.equal(liveHandles(), before);
});
