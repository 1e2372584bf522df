/** One optimizer step: micro-steps through the block engine, one look at loss and norm, clipping, update. */
import { TorchError } from "../base/mod.ts";
import { clipGradients, forwardBackward, totalNorm } from "../parallel/mod.ts";
import { stack, type Tensor, tidy } from "../torch/mod.ts";
import { type Stem, trainableParts, type TransformerInputs } from "../wan/mod.ts";
import { type ClipBatch, makeProblem } from "./batch.ts";
import { lossOf } from "./objective.ts";
import { scheduledRate } from "./optimizer.ts";
import { afterUpdate, beginMicroStep } from "./trained.ts";
import type { Trainee } from "./trainee.ts";

/** Which step, and where its data comes from. */
export interface StepOptions {
  /** Optimizer steps of the run before this one; noise and data go by it. */
  readonly step: number;
  /** Steps of the expert before this one, where it does not take them all: the learning rate goes by it. */
  readonly ownStep?: number;
  /** The data of a micro-step, counted over the whole run; its tensors are freed by the step. */
  readonly batchAt: (microStep: number) => ClipBatch;
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
 * Takes an optimizer step.
 * @throws {TorchError} before the update if loss or gradients are not finite
 */
export function trainStep(trainee: Trainee, { step, ownStep = step, batchAt }: StepOptions): StepResult {
  const { config, range, model, trained, optimizer, ema, gradients, plan, device, dtype } = trainee;
  const accumulated = config.train.gradientAccumulation;
  const trainable = trainableParts(model, trained.params);
  return tidy(() => {
    gradients.clear();
    const losses: Tensor[] = [];
    for (let i = 0; i < accumulated; i++) {
      const microStep = step * accumulated + i;
      losses.push(tidy(() => {
        const { patchSize } = model.config;
        const expertMicroStep = ownStep * accumulated + i;
        const at = { train: config.train, microStep, expertMicroStep, range, device, dtype, patchSize };
        using _draws = beginMicroStep(trained, { seed: config.train.seed, microStep });
        const problem = makeProblem(batchAt(microStep), at);
        return forwardBackward<TransformerInputs, Stem>(model, {
          inputs: problem.inputs,
          loss: (output) => lossOf(output, problem, config.train.loss).loss.mul(1 / accumulated),
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
    const learningRate = scheduledRate(ownStep, config);
    optimizer.step(all, learningRate);
    afterUpdate(trained);
    ema?.update();
    gradients.clear();
    return { loss, gradNorm, learningRate };
  });
}
