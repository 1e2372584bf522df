/** The loss on held-out clips at fixed noise: each measurement of a run, and of runs of one seed, asks the same questions. */
import { random, seedFor, TorchError } from "../base/mod.ts";
import type { ValidationConfig } from "../config/mod.ts";
import type { Dataset, DatasetItem } from "../data/mod.ts";
import type { EventOf } from "../events/mod.ts";
import { cat, noGrad, type Tensor, tidy } from "../torch/mod.ts";
import { noisedProblem } from "./batch.ts";
import { byChance } from "./held_out.ts";
import { lossOf } from "./objective.ts";
import { readBatch, type Session } from "./setup.ts";
import { givenSigmas, noiseLaw, sigmaAt } from "./timesteps.ts";
import { takeTurn, type Trainee } from "./trainee.ts";

/** One measurement. */
export interface Measurement {
  /** Mean over the experts */
  readonly loss: number;
  /** Each expert's loss, and its means over the clips at each noise level, rising */
  readonly experts: EventOf<"validation">["experts"];
  readonly numClips: number;
}

/** Noise levels that `sigmas: "auto"` takes. */
const AUTO_LEVELS = 5;

/**
 * Measures every expert on the held-out clips, each with the noise that belongs to its content and the noise level. The
 * loss is of the kind that is trained, without weights of noise levels and without further terms.
 * @param options.breathe called between clips, so that signals come through
 * @throws the reason of `options.signal` when it is aborted meanwhile
 * @throws {ConfigError} if none of the given noise levels is in an expert's range
 */
export async function measure(
  session: Pick<Session, "trainees" | "text">,
  options: {
    heldOut: Dataset;
    validation: ValidationConfig;
    breathe: () => Promise<void>;
    signal?: AbortSignal | undefined;
  },
): Promise<Measurement> {
  const { heldOut, validation, breathe, signal } = options;
  const clips = byChance(heldOut.items, validation.seed, ({ content, latentsKeys }) => `${content}:${latentsKeys[0]}`)
    .slice(0, validation.maxClips);
  const experts: Measurement["experts"] = [];
  for (const trainee of session.trainees) {
    takeTurn(trainee, session.trainees);
    const rows: number[][] = [];
    let levels: readonly number[] = [];
    for (const [index, item] of clips.entries()) {
      const { losses, sigmas } = clipLosses(trainee, { text: session.text, heldOut, item, index, validation });
      rows.push(losses);
      if (index === 0) levels = sigmas;
      await breathe();
      signal?.throwIfAborted();
    }
    const sigmas = levels.map((sigma, i) => ({ sigma, loss: mean(rows.map((row) => row[i] ?? NaN)) }));
    experts.push({ expert: trainee.expert, loss: mean(sigmas.map(({ loss }) => loss)), sigmas });
  }
  return { loss: mean(experts.map(({ loss }) => loss)), experts, numClips: clips.length };
}

/** The losses of one clip at each noise level; one wait for the device. */
function clipLosses(
  trainee: Trainee,
  options: {
    text: Session["text"];
    heldOut: Dataset;
    item: DatasetItem;
    index: number;
    validation: ValidationConfig;
  },
): { losses: number[]; sigmas: readonly number[] } {
  const { text, heldOut, item, index, validation: { seed, sigmas: wanted } } = options;
  const { model, device, dtype, config: { train } } = trainee;
  return noGrad(() =>
    tidy(() => {
      const [key] = item.latentsKeys; // of its window; items are made anew each time they are asked for
      const dataset = heldOut.where(({ path, latentsKeys }) => path === item.path && latentsKeys[0] === key);
      const batch = readBatch({ dataset, text }, { microStep: 0, batchSize: 1, seed });
      const sigmas = levelsOf(trainee, { wanted, latents: batch.latents });
      const given = batch.latents.size(2) > 1 &&
        random(seedFor(seed, "validation.given", index)).next() < train.imageConditioning;
      const losses = sigmas.map((sigma, level) =>
        tidy(() => {
          const problem = noisedProblem(batch, {
            ...{ sigmas: [sigma], shift: 1, given: [given], givenNoise: [0] },
            noiseSeed: seedFor(seed, "validation.noise", index, level),
            givenNoiseSeed: 0n,
            ...{ device, dtype, patchSize: model.config.patchSize },
          });
          return lossOf(model.forward(problem.inputs), problem, train.loss).perClip;
        })
      );
      const found = cat(losses).toNumbers();
      if (found.every(Number.isFinite)) return { losses: found, sigmas };
      throw new TorchError(`Cannot validate: the loss of ${item.path} is ${found.join(", ")}`, {
        cure: "look at this clip and at the training loss; the last checkpoint is whole",
      });
    })
  );
}

/** The noise levels at which an expert is measured on clips of this size. */
function levelsOf(
  { range, expert, model, config: { train } }: Trainee,
  { wanted, latents }: { wanted: ValidationConfig["sigmas"]; latents: Tensor },
): readonly number[] {
  if (wanted === "auto") {
    const [, patchHeight, patchWidth] = model.config.patchSize;
    const frameTokens = (latents.size(3) / patchHeight) * (latents.size(4) / patchWidth);
    const law = noiseLaw(train.timesteps, { frameTokens, range });
    return Array.from({ length: AUTO_LEVELS }, (_, i) => sigmaAt(law, (i + 0.5) / AUTO_LEVELS));
  }
  return givenSigmas(wanted, { expert, range });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
