/** Runs set up and stepped inside the test's process, on tiny models with random weights. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { Generator, liveHandles, noGrad, randn, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import type { Emit } from "../../src/events/mod.ts";
import { readBatch, type Session, setUp } from "../../src/train/setup.ts";
import { type StepResult, trainStep } from "../../src/train/step.ts";
import { takeTurn, type Trainee } from "../../src/train/trainee.ts";
import { type Turn, turns } from "../../src/train/turns.ts";
import type { VelocityModel } from "../../src/wan/mod.ts";
import { ownGoldenDir } from "./paths.ts";
import { CLIP, type Sections } from "./workplace.ts";

/** A tiny TI2V-5B, and a tiny pair of experts like T2V-A14B's; both whole models, with text encoder and VAE. */
export const TI2V = join(ownGoldenDir(), "checkpoints/ti2v_5b");
export const T2V = join(ownGoldenDir(), "checkpoints/t2v_a14b");
/** Likewise, like I2V-A14B's. */
export const I2V = join(ownGoldenDir(), "checkpoints/i2v_a14b");

const LEAST: Sections = {
  model: { weights: TI2V, device: "cpu" },
  data: {
    sources: [{ path: CLIP }],
    resolution: { width: 64, height: 64 },
    numFrames: 5,
    fps: 8,
    captionDropout: 0,
  },
  train: { steps: 4, seed: 3 },
  optim: { learningRate: 1e-3, warmupSteps: 0 },
  save: { dtype: "float32", formats: ["diffusers", "comfyui", "musubi"] },
};

/** The text of a config that trains in a moment; its cache is in `folder`, which several runs may share. */
export function leastConfig({ folder, sections = {} }: { folder: string; sections?: Sections }): string {
  const cache = join(folder, "cache");
  mkdirSync(cache, { recursive: true });
  const keys = new Set([...Object.keys(LEAST), ...Object.keys(sections)]);
  const merged = Object.fromEntries([...keys].map((key) => [key, { ...LEAST[key], ...sections[key] }]));
  return JSON.stringify({ name: "run", ...merged, data: { ...merged.data, cache: { dir: cache } } });
}

/**
 * Sets a run up; nothing of it is left afterwards.
 * @param folder for its cache, which several runs may share @param emit hears what is told meanwhile
 */
export async function withSession(
  { folder, sections = {}, emit = () => {} }: { folder: string; sections?: Sections; emit?: Emit },
  body: (session: Session) => void | Promise<void>,
): Promise<void> {
  const config = parseConfig(leastConfig({ folder, sections }), { path: join(folder, "run.jsonc") });
  const before = liveHandles();
  {
    using session = await setUp(config, { emit });
    await body(session);
  }
  assert.equal(liveHandles(), before, "tensors were left behind");
}

/** Takes the steps of a run, all or those from `first` to before `end`, and gives what each found. */
export function takeSteps(
  session: Session,
  { first = 0, end = Infinity }: { first?: number; end?: number } = {},
): (StepResult & Turn)[] {
  const { config: { train, data: { captionDropout } }, trainees } = session;
  const steps = trainees.map((trainee) => trainee.config.train.steps);
  const { batchSize, seed, switchEvery } = train;
  let step = first;
  return turns({ steps, switchEvery }).drop(first).take(Math.min(end, Number.MAX_SAFE_INTEGER) - first).map((turn) => {
    const trainee = trainees[turn.expert] as Trainee;
    takeTurn(trainee, trainees);
    const batchAt = (microStep: number): ReturnType<typeof readBatch> =>
      readBatch(session, { microStep, batchSize, seed, captionDropout });
    return { ...trainStep(trainee, { step: step++, ownStep: turn.step, batchAt }), ...turn };
  }).toArray();
}

/** A model's output for inputs that are always the same, as plain numbers. @param text [n, D] */
export function probe(model: VelocityModel, { text, timestep }: { text: Tensor; timestep: number }): number[] {
  return noGrad(() =>
    tidy(() => {
      using generator = Generator.seeded(77);
      const hiddenStates = randn([1, model.config.inChannels, 2, 4, 4], { generator });
      const encoderHiddenStates = text.float().unsqueeze(0);
      return model.forward({ hiddenStates, timestep: tensor([timestep]), encoderHiddenStates }).toNumbers();
    })
  );
}

/** The trained tensors of a session by expert and name, as bytes. */
export function trainedBytes({ trainees }: Session): Map<string, Uint8Array> {
  return new Map(trainees.flatMap(({ expert, trained }) =>
    [...trained.params].map(([name, param]) => {
      using plain = param.detach();
      return [`${expert} ${name}`, plain.toBytes()] as const;
    })
  ));
}
