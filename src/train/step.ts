/** One optimizer step: micro-steps through the block engine, one look at loss and norm, clipping, update. */
import { TorchError } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import type { LoraSet } from "../nn/mod.ts";
import { type AdamW, learningRateAt } from "../optim/mod.ts";
import { type BlockPlan, clipGradients, forwardBackward, type GradientStore, totalNorm } from "../parallel/mod.ts";
import { type Device, type DType, stack, type Tensor, tidy } from "../torch/mod.ts";
import { type Stem, trainableParts, type TransformerInputs, type WanTransformer } from "../wan/mod.ts";
import { type ClipBatch, flowLoss, makeProblem } from "./batch.ts";

/** Everything a step works on. */
export interface Trainee {
  readonly config: RunConfig;
  readonly model: WanTransformer;
  readonly lora: LoraSet;
  readonly optimizer: AdamW;
  readonly gradients: GradientStore;
  readonly plan: readonly BlockPlan[];
  readonly device: Device;
  readonly dtype: DType;
}

/** What a step found. */
export interface StepResult {
  /** Mean over the micro-steps */
  readonly loss: number;
  /** Global norm before clipping */
  readonly gradNorm: number;
  readonly learningRate: number;
}

/**
 * Takes optimizer step `step`, counted from 0.
 * @param batchAt the data of a micro-step, counted over the whole run; its latents are freed here
 * @throws {TorchError} before the update if loss or gradients are not finite
 */
export function trainStep(trainee: Trainee, step: number, batchAt: (microStep: number) => ClipBatch): StepResult {
  const { config, model, lora, optimizer, gradients, plan, device, dtype } = trainee;
  const accumulated = config.train.gradientAccumulation;
  const trainable = trainableParts(model, lora.named());
  return tidy(() => {
    gradients.clear();
    const losses: Tensor[] = [];
    for (let i = 0; i < accumulated; i++) {
      const microStep = step * accumulated + i;
      losses.push(tidy(() => {
        const { patchSize } = model.config;
        const problem = makeProblem(batchAt(microStep), { train: config.train, microStep, device, dtype, patchSize });
        return forwardBackward<TransformerInputs, Stem>(model, {
          inputs: problem.inputs,
          loss: (output) => flowLoss(output, problem).mul(1 / accumulated),
          trainable,
          plan,
          sink: (param, gradient) => gradients.add(param, gradient),
        });
      }));
    }
    const all = gradients.all();
    const norm = totalNorm(all);
    // The one place where the host waits for the device: both numbers in one copy.
    const [loss, gradNorm] = stack([stack(losses).sum(), norm]).toNumbers() as [number, number];
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw new TorchError(
        `Step ${step + 1} gave a loss of ${loss} and a gradient norm of ${gradNorm}; nothing was updated.`,
        {
          cure: "Lower optim.learningRate, or look at the clips of this step; the last checkpoint is whole.",
        },
      );
    }
    const { maxGradNorm } = config.train;
    if (maxGradNorm !== null) clipGradients(all, { norm, maxNorm: maxGradNorm });
    const learningRate = learningRateAt(step, scheduleOf(config));
    optimizer.step(all, learningRate);
    gradients.clear();
    return { loss, gradNorm, learningRate };
  });
}

function scheduleOf(config: RunConfig): Parameters<typeof learningRateAt>[1] {
  const { schedule, learningRate, warmupSteps } = config.optim;
  return {
    kind: schedule === "constant" ? "constant_with_warmup" : "cosine",
    learningRate,
    warmupSteps,
    totalSteps: config.train.steps,
  };
}
