/** Two experts in training, on a tiny pair: turns, ranges, what moves and what does not, files, samples through both. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { seedFor } from "../../src/base/mod.ts";
import { noGrad, tidy, zeros } from "../../src/torch/mod.ts";
import { fixedNoiseLoss } from "../../src/train/fixed_loss.ts";
import { trainedModel } from "../../src/train/experts.ts";
import { saveOutputs } from "../../src/train/outputs.ts";
import { readBatch, type Session } from "../../src/train/setup.ts";
import { trainStep } from "../../src/train/step.ts";
import { makeTrainee, type Trainee } from "../../src/train/trainee.ts";
import { takeTurn } from "../../src/train/trainee.ts";
import { loadTransformer, openModel } from "../../src/wan/mod.ts";
import { expertInHeader, openWeights } from "../../src/weights/mod.ts";
import { I2V, probe, T2V, takeSteps, TI2V, trainedBytes, withSession } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";
import type { Sections } from "../support/workplace.ts";

await useTorch();

const BOTH: Sections = {
  model: { weights: T2V, device: "cpu" },
  method: { kind: "lora", rank: 4 },
  train: { steps: 4, switchEvery: 2, seed: 3 },
};

/** An expert's loss at fixed noise levels of its own range. */
function ownLoss({ dataset }: Session, { model, range: [low, high] }: Trainee): number {
  return tidy(() => {
    const clips = dataset.items.map((item) => ({
      latents: dataset.latents(item),
      text: dataset.text(item.captions[0] ?? ""),
    }));
    const sigmas = [0.1, 0.5, 0.9].map((share) => low + share * (high - low));
    return fixedNoiseLoss(model, { device: "cpu", clips, sigmas }).mean;
  });
}

Deno.test("both experts: each lowers its own loss in its own turns, at noise levels of its own range", () =>
  withFolder((folder) =>
    withSession({
      folder,
      sections: {
        ...BOTH,
        train: { steps: 15, switchEvery: 5, seed: 3 },
        optim: { learningRate: 1e-2, warmupSteps: 0 },
      },
    }, (session) => {
      const { trainees } = session;
      assert.deepEqual(trainees.map(({ expert, range }) => [expert, ...range]), [["high", 0.875, 1], [
        "low",
        0,
        0.875,
      ]]);
      const before = trainees.map((trainee) => ownLoss(session, trainee));
      const steps = takeSteps(session);
      assert.equal(steps.map(({ expert }) => expert).join(""), "000001111100000111110000011111");
      const after = trainees.map((trainee) => ownLoss(session, trainee));
      for (const i of [0, 1]) {
        const [first = NaN, last = NaN] = [before[i], after[i]];
        assert(last < 0.97 * first, `${trainees[i]?.expert}: ${first} to ${last}`);
      }
    })
  ));

Deno.test("an expert whose turn it is not stays as it is to the bit, and so do the frozen weights of both", () =>
  withFolder((folder) =>
    withSession({ folder, sections: BOTH }, (session) => {
      const start = trainedBytes(session);
      takeSteps(session, { end: 2 });
      const middle = trainedBytes(session);
      const moved = (from: typeof start, to: typeof start, expert: string): number =>
        [...to].filter(([key, bytes]) => key.startsWith(expert) && from.get(key)?.join() !== bytes.join()).length;
      assert.equal(moved(start, middle, "low"), 0);
      assert(moved(start, middle, "high") > 0);
      takeSteps(session, { first: 2, end: 4 });
      const end = trainedBytes(session);
      assert.equal(moved(middle, end, "high"), 0);
      assert(moved(middle, end, "low") > 0);
      tidy(() => {
        for (const [i, name] of ["transformer", "transformer_2"].entries()) {
          using stored = openWeights(join(T2V, name));
          for (const layer of session.trainees[i]?.model.everyLinear ?? []) {
            assert(stored.load(`${layer.path}.weight`).equal(layer.weight), layer.path);
          }
        }
      });
    })
  ));

Deno.test("one expert trained whole: the other is saved as it was to the bit", () =>
  withFolder((folder) =>
    withSession({
      folder,
      sections: {
        ...BOTH,
        model: { ...BOTH.model, experts: "low" },
        method: { kind: "full" },
        train: { steps: 1 },
        save: { dtype: "float32", formats: ["diffusers", "comfyui"] },
      },
    }, (session) => {
      assert.deepEqual(session.trainees.map(({ expert }) => expert), ["low"]);
      takeSteps(session);
      const [whole = "", ...singles] = saveOutputs(session, { folder: join(folder, "out"), taken: { low: 1 } });
      assert.deepEqual(singles.map((path) => basename(path)), ["run-low-noise.safetensors"]);
      const experts = [singles[0] ?? "", join(whole, "transformer"), join(whole, "transformer_2")].map((path) => {
        using weights = openWeights(path);
        return expertInHeader(weights.metadata);
      });
      assert.deepEqual(experts, ["low", undefined, undefined]); // headers of a folder's files are about the whole
      tidy(() => {
        const same = (name: string): number => {
          using before = openWeights(join(T2V, name));
          using after = openWeights(join(whole, name));
          return [...before.keys()].filter((key) => !before.load(key).equal(after.load(key))).length;
        };
        assert.equal(same("transformer"), 0);
        assert(same("transformer_2") > 0);
      });
    })
  ));

Deno.test("experts whose weights come and go between turns train to the same bits as experts that stay", () =>
  withFolder((folder) =>
    withSession({ folder, sections: BOTH }, (session) => {
      const { models, config, device, dtype } = session;
      const run = (takesTurns: boolean): Uint8Array[] => {
        using stack = new DisposableStack();
        const trainees = (["high", "low"] as const).map((expert) => {
          return stack.use(makeTrainee({ models, expert, config, device, dtype, takesTurns }));
        });
        [0, 0, 1, 1, 0].forEach((turn, step) => {
          const trainee = trainees[turn] as Trainee;
          takeTurn(trainee, trainees);
          const places = trainees.map(({ model }) => model.blockWeights?.places[0] ?? "resident");
          assert.deepEqual(
            places,
            !takesTurns ? ["resident", "resident"] : turn === 0 ? ["resident", "mapped"] : ["mapped", "resident"],
          );
          const batchAt = (microStep: number) => readBatch(session, { microStep, batchSize: 1, seed: 3 });
          trainStep(trainee, { step, batchAt });
        });
        return [...trainedBytes({ ...session, trainees }).values()];
      };
      assert.deepEqual(run(true), run(false));
    })
  ));

Deno.test("each expert has its own rank, rate, optimizer and steps", () =>
  withFolder((folder) =>
    withSession({
      folder,
      sections: {
        ...BOTH,
        train: {
          steps: 2,
          switchEvery: 1,
          experts: { high: { steps: 3, method: { rank: 2 } }, low: { optim: { name: "lion", learningRate: 1e-5 } } },
        },
      },
    }, (session) => {
      const ranks = session.trainees.map(({ trained }) => {
        const [first] = trained.adapters?.modules.values() ?? [];
        return first?.tensors.down?.size(0);
      });
      assert.deepEqual(ranks, [2, 4]);
      const steps = takeSteps(session);
      assert.deepEqual(steps.map(({ expert, learningRate }) => [expert, learningRate]), [
        ...[[0, 1e-3], [1, 1e-5], [0, 1e-3], [1, 1e-5]],
        [0, 1e-3],
      ]);
      assert([...session.trainees[1]?.optimizer.state().keys() ?? []].every((name) => !name.includes("exp_avg_sq")));
    })
  ));

Deno.test("both experts' files: two in each naming, whose names and headers say which is which", () =>
  withFolder((folder) =>
    withSession({ folder, sections: { ...BOTH, train: { steps: 1, switchEvery: 1 } } }, (session) => {
      takeSteps(session);
      const paths = saveOutputs(session, { folder, taken: { high: 1, low: 2 } });
      assert.deepEqual(paths.map((path) => basename(path)), [
        "run-high-noise-diffusers.safetensors",
        "run-low-noise-diffusers.safetensors",
        "run-high-noise.safetensors",
        "run-low-noise.safetensors",
        "run-high-noise-musubi.safetensors",
        "run-low-noise-musubi.safetensors",
      ]);
      for (const [i, path] of paths.entries()) {
        using weights = openWeights(path);
        const { metadata } = weights;
        const facts = [expertInHeader(metadata), metadata.get("modelspec.timestep_range"), metadata.get("ss_steps")];
        assert.deepEqual(facts, i % 2 === 0 ? ["high", "875,1000", "1"] : ["low", "0,875", "2"]);
      }
      const [diffusersHigh = "", diffusersLow = "", high = ""] = paths;
      for (const path of [diffusersHigh, diffusersLow]) { // as diffusers takes either, see saveAdapters
        using weights = openWeights(path);
        assert([...weights.keys()].every((key) => key.startsWith("transformer.blocks.")), path);
      }
      using weights = openWeights(high);
      const shown = JSON.parse(weights.metadata.get("wantune.config") ?? "");
      assert.equal(shown.model.weights, basename(T2V)); // no path of this machine
      assert(!weights.metadata.get("wantune.config")?.includes(folder));
    })
  ));

Deno.test("samples go through both experts: the trained one as it is now, the other from its files", () =>
  withFolder((folder) =>
    withSession({ folder, sections: { ...BOTH, model: { ...BOTH.model, experts: "high" } } }, (session) => {
      takeSteps(session);
      noGrad(() =>
        tidy(() => {
          const text = zeros([512, 32]);
          using model = trainedModel(session);
          const [trainee] = session.trainees;
          assert(trainee !== undefined);
          assert.deepEqual(probe(model, { text, timestep: 900 }), probe(trainee.model, { text, timestep: 900 }));
          const { model: base } = loadTransformer(join(T2V, "transformer_2"), { dtype: "float32" });
          using _base = base;
          assert.deepEqual(probe(model, { text, timestep: 500 }), probe(base, { text, timestep: 500 }));
        })
      );
    })
  ));

Deno.test("an expert of a model with one transformer is refused, and so are settings for experts that it does not have", () =>
  withFolder(async (folder) => {
    const sections = (model: Record<string, unknown>, train: Record<string, unknown> = {}): Sections => ({
      model: { weights: TI2V, device: "cpu", ...model },
      train: { steps: 1, ...train },
    });
    const refused = (own: Sections, message: RegExp): Promise<void> =>
      assert.rejects(withSession({ folder, sections: own }, () => {}), { name: "ConfigError", message });
    await refused(sections({ experts: "high" }), /it has one transformer/);
    await refused(sections({}, { experts: { high: { steps: 1 } } }), /Cannot use train\.experts/);
    const mixed = { steps: 1, experts: { low: { method: { kind: "full" } } } };
    await refused(sections({ weights: T2V }, mixed), /a method of another sort/);
    assert.equal(openModel(TI2V).boundary, null);
    assert(seedFor(3, "lora.high", 0) !== seedFor(3, "lora.low", 0));
  }));

Deno.test("I2V-A14B trains with its clips' first frames beside the noise, and asks for pictures for samples", () =>
  withFolder(async (folder) => {
    const sections = { ...BOTH, model: { weights: I2V, device: "cpu" }, train: { steps: 1, switchEvery: 1 } };
    await withSession({ folder, sections }, (session) => {
      const { condition, latents } = tidy(() => {
        const batch = readBatch(session, { microStep: 0, batchSize: 1, seed: 3 });
        return { condition: batch.condition?.shape, latents: batch.latents.shape };
      });
      assert.deepEqual([latents, condition], [[1, 16, 2, 8, 8], [1, 20, 2, 8, 8]]);
      for (const { loss, gradNorm } of takeSteps(session)) assert(Number.isFinite(loss) && gradNorm > 0);
    });
    const sample = { prompts: ["a", "b"], width: 64, height: 64, numFrames: 5 };
    const refused = (own: Sections, message: RegExp): Promise<void> =>
      assert.rejects(withSession({ folder, sections: own }, () => {}), { name: "ConfigError", message });
    await refused({ ...sections, sample }, /I2V-A14B makes videos from a picture/);
    await refused({ ...sections, sample: { ...sample, images: ["x", "y", "z"] } }, /3 pictures for 2 prompts/);
    await refused({ ...BOTH, sample: { ...sample, images: ["x"] } }, /from text alone/);
  }));
