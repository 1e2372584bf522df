/** One optimizer step: micro-steps through the block engine, one look at loss and norm, clipping, update. */
import { OutOfMemory } from "../base/mod.ts";
import { clipGradients, forwardBackward, totalNorm, type Trainable } from "../parallel/mod.ts";
import { cat, emptyCache, stack, type Tensor, tidy, unscoped } from "../torch/mod.ts";
import { type Stem, trainableParts, type TransformerInputs } from "../wan/mod.ts";
import { type ClipBatch, makeProblem, type Problem, type ProblemOptions } from "./batch.ts";
import { judgeStep } from "./judge.ts";
import { Laps, type StepTimes } from "./laps.ts";
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
  /** What is made of the data; `makeProblem` if absent. */
  readonly problemOf?: (batch: ClipBatch, options: ProblemOptions) => Problem;
  /** Looks at the numbers before anything is updated, and throws to leave everything as it is; refuses what is not finite if absent. */
  readonly judge?: (found: StepNumbers) => void;
}

/** The numbers by which a step is judged. */
export interface StepNumbers {
  /** Mean over the micro-steps */
  readonly loss: number;
  /** Mean over the clips of their errors, whatever the weights of noise levels and clips */
  readonly error: number;
  /** Global norm before clipping */
  readonly gradNorm: number;
}

/** One clip of a step. */
export interface ClipResult {
  readonly sigma: number;
  /** By the kind of the loss, without weights of noise levels and without other terms */
  readonly loss: number;
  /** Of the transformer */
  readonly tokens: number;
}

/** What a step found. */
export interface StepResult extends StepNumbers {
  /** Of tensors without a group; where the optimizer finds its rate by itself, with what it found up to this step. */
  readonly learningRate: number;
  readonly clips: readonly ClipResult[];
  readonly times: StepTimes;
}

/**
 * Takes an optimizer step.
 * @throws whatever `judge` throws, a {TorchError} unless given; then nothing is updated
 */
export function trainStep(trainee: Trainee, options: StepOptions): StepResult {
  const { config, model, trained, optimizer, ema, gradients } = trainee;
  const { step, ownStep = step } = options;
  const judge = options.judge ?? ((found) => judgeStep(found, { step: step + 1 }));
  const { gradientAccumulation, maxGradNorm } = config.train;
  const laps = new Laps();
  const trainable = trainableParts(model, trained.params);
  return tidy(() => {
    const micro = withinMemory(trainee, () => {
      gradients.clear();
      return Array.from(
        { length: gradientAccumulation },
        (_, i) => microStep(trainee, { ...options, i, laps, trainable }),
      );
    });
    const all = gradients.all();
    const norm = totalNorm(all);
    const losses = stack(micro.map(({ loss }) => loss)).sum();
    const { ownRate } = optimizer;
    const few = [losses, norm, ...(ownRate === undefined ? [] : [ownRate.to({ dtype: losses.dtype })])];
    // The one place where the host waits for the device: all numbers in one copy.
    const numbers = cat([stack(few), ...micro.map((each) => each.perClip)]).toNumbers();
    const [loss = NaN, gradNorm = NaN, found = 1] = numbers.slice(0, few.length);
    const perClip = numbers.slice(few.length);
    laps.end("backward");
    const error = perClip.reduce((sum, value) => sum + value, 0) / perClip.length;
    judge({ loss, error, gradNorm });
    if (maxGradNorm !== null) clipGradients(all, { norm, maxNorm: maxGradNorm });
    const learningRate = scheduledRate(ownStep, config);
    optimizer.step(all, learningRate);
    afterUpdate(trained);
    ema?.update();
    gradients.clear();
    laps.end("update");
    const clips = micro.flatMap((each) => each.clips).map((clip, i) => ({ ...clip, loss: perClip[i] ?? NaN }));
    return { loss, error, gradNorm, learningRate: learningRate * found, clips, times: laps.times };
  });
}

/**
 * Runs something that changes nothing but the gradients. Where memory runs out, the plan is made smaller and it runs once more,
 * with the same numbers.
 * @throws {OutOfMemory} if that is not enough, or nothing smaller is possible
 */
function withinMemory<T>({ memory, gradients, device, onShrink }: Trainee, run: () => T): T {
  try {
    return tidy(run);
  } catch (error) {
    if (!(error instanceof OutOfMemory) || !memory.shrink()) throw error;
    gradients.clear();
    emptyCache(device);
    memory.place();
    onShrink?.(memory, error);
    return run();
  }
}

/** What a micro-step found; the numbers are still on the device. */
interface MicroStep {
  /** Its part of the step's loss, a scalar */
  readonly loss: Tensor;
  /** [B] */
  readonly perClip: Tensor;
  readonly clips: readonly Omit<ClipResult, "loss">[];
}

/** Runs forward and backward of one batch, and adds to the gradients. */
function microStep(
  trainee: Trainee,
  options: StepOptions & { i: number; laps: Laps; trainable: Trainable },
): MicroStep {
  const { config, range, model, trained, gradients, memory, device, dtype } = trainee;
  const { step, ownStep = step, batchAt, problemOf = makeProblem, i, laps, trainable } = options;
  const { gradientAccumulation: accumulated } = config.train;
  const { patchSize } = model.config;
  return tidy(() => {
    const at = { microStep: step * accumulated + i, expertMicroStep: ownStep * accumulated + i };
    using _draws = beginMicroStep(trained, { seed: config.train.seed, microStep: at.microStep });
    const problem = problemOf(batchAt(at.microStep), { train: config.train, ...at, range, device, dtype, patchSize });
    laps.end("data");
    using outside = new DisposableStack(); // of the engine's scope, in which the loss is made
    let perClip: Tensor | undefined;
    const loss = forwardBackward<TransformerInputs, Stem>(model, {
      inputs: problem.inputs,
      loss: (output) => {
        const cost = lossOf(output, problem, config.train.loss);
        perClip = outside.use(unscoped(() => cost.perClip.alias()));
        laps.end("forward");
        return cost.loss.mul(1 / accumulated);
      },
      trainable,
      plan: memory.blocks,
      sink: (param, gradient) => gradients.add(param, gradient),
    });
    laps.end("backward");
    if (perClip === undefined) throw new TypeError("the engine never asked for the loss");
    const [, , T = 1, h = 1, w = 1] = problem.target.shape;
    const tokens = T * (h / patchSize[1]) * (w / patchSize[2]);
    return { loss, perClip: perClip.alias(), clips: problem.sigmas.map((sigma) => ({ sigma, tokens })) };
  });
}
