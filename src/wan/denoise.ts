/**
 * From noise to latents, step by step: the model's velocity with guidance, fed to a solver. Letters: B batch, C channels,
 * T h w latent frames, rows, columns, L tokens, S text rows, D text width.
 * Source: diffusers pipelines/wan/pipeline_wan.py and pipeline_wan_i2v.py, __call__.
 */
import { ShapeError } from "../base/mod.ts";
import { cat, dims, full, noGrad, ones, type Tensor, tensor, tidy, unscoped, zeros } from "../torch/mod.ts";
import { expertAt } from "./boundary.ts";
import { createSolver, type Solver, type SolverKind, type SolverOptions } from "./solvers/mod.ts";
import type { TransformerConfig, TransformerInputs } from "./transformer/mod.ts";

/** What predicts velocities: a transformer, or something that runs one. */
export interface VelocityModel {
  readonly config: Pick<TransformerConfig, "patchSize" | "inChannels" | "outChannels">;
  /** Share of time from which on guidance is that of high noise; absent if it is the same throughout. */
  readonly boundary?: number | undefined;
  forward(inputs: TransformerInputs): Tensor;
}

/** How to walk. */
export interface DenoiseOptions {
  /** The solver, or which one with what it can be told beside steps and shift. */
  readonly solver: SolverKind | Omit<SolverOptions, "steps" | "shift">;
  readonly steps: number;
  readonly shift: number;
  /** Starting noise [B, C, T, h, w] */
  readonly latents: Tensor;
  /** [B or 1, S, D], zero rows behind the prompt */
  readonly promptEmbeds: Tensor;
  /** Like `promptEmbeds`; wanted unless the guidance is 1 */
  readonly negativePromptEmbeds?: Tensor | undefined;
  /** v = v₋ + g·(v₊ − v₋); 1 asks the model once instead of twice */
  readonly guidanceScale: number;
  /** The same below the model's boundary; like `guidanceScale` if absent */
  readonly lowNoiseGuidanceScale?: number | undefined;
  /** A clean first latent frame [B or 1, C, 1, h, w] to continue; its tokens are at timestep 0 */
  readonly firstFrame?: Tensor | undefined;
  /** Channels [B or 1, in − C, T, h, w] that the model sees behind the latents, at every step the same */
  readonly condition?: Tensor | undefined;
}

/** 0 on latent frame 0, which is given, and 1 elsewhere: [1, 1, T, h, w]. */
export function firstFrameMask(latents: Tensor): Tensor {
  const { T, h, w } = dims(latents, "_ _ T h w");
  const options = { device: latents.device };
  return tidy(() => cat([zeros([1, 1, 1, h, w], options), ones([1, 1, T - 1, h, w], options)], 2));
}

/** A walk in progress. It owns the latents until it is disposed of; embeddings are the caller's and must live as long. */
export class Denoising implements Disposable {
  readonly #model: VelocityModel;
  readonly #options: DenoiseOptions;
  readonly #solver: Solver;
  readonly #firstFrame: Tensor | undefined;
  readonly #condition: Tensor | undefined;
  #latents: Tensor;
  #steps = 0;

  /**
   * @throws {ShapeError} if embeddings, first frame or condition do not fit latents and model
   * @throws {RangeError} for senseless steps or shift, or guidance without a negative prompt
   */
  constructor(model: VelocityModel, options: DenoiseOptions) {
    const { latents, promptEmbeds, negativePromptEmbeds, firstFrame, condition } = options;
    const { inChannels, outChannels } = model.config;
    const { B, C, T, h, w } = dims(latents, "B C T h w", { C: outChannels });
    for (const embeds of [promptEmbeds, negativePromptEmbeds]) {
      if (embeds !== undefined) checkBatch(dims(embeds, "N S D").N, B);
    }
    if (firstFrame !== undefined) checkBatch(dims(firstFrame, "N C 1 h w", { C, h, w }).N, B);
    const given = condition === undefined ? 0 : dims(condition, "N D T h w", { T, h, w }).D;
    if (condition !== undefined) checkBatch(condition.size(0), B);
    if (C + given !== inChannels) {
      throw new ShapeError(
        `The model takes ${inChannels} channels: ${C} of latents were given and ${given} beside them.`,
      );
    }
    const { guidanceScale, lowNoiseGuidanceScale = guidanceScale } = options;
    const guided = [guidanceScale, lowNoiseGuidanceScale].find((scale) => scale !== 1);
    if (guided !== undefined && negativePromptEmbeds === undefined) {
      throw new RangeError(`guidance ${guided} needs a negative prompt`);
    }
    const { solver, steps, shift } = options;
    this.#solver = createSolver({ ...(typeof solver === "string" ? { kind: solver } : solver), steps, shift });
    this.#model = model;
    this.#options = options;
    const own = (x: Tensor): Tensor => unscoped(() => x.to({ dtype: "float32", device: latents.device, copy: true }));
    this.#latents = own(latents);
    this.#firstFrame = firstFrame && own(firstFrame);
    this.#condition = condition && own(condition);
  }

  get numSteps(): number {
    return this.#solver.timesteps.length;
  }

  /** Steps taken. */
  get stepsDone(): number {
    return this.#steps;
  }

  /** The latents now, [B, C, T, h, w] float32; freed at the next step. A given first frame is not yet put into them. */
  get latents(): Tensor {
    return this.#latents;
  }

  /** Takes one step. @throws {RangeError} after the last one */
  step(): void {
    const timestep = this.#solver.timesteps[this.#steps];
    if (timestep === undefined) throw new RangeError(`all ${this.numSteps} steps were taken`);
    const next = unscoped(() => noGrad(() => tidy(() => this.#solver.step(this.#latents, this.#velocity(timestep)))));
    this.#latents[Symbol.dispose]();
    this.#latents = next;
    this.#steps++;
  }

  /** The latents with the given first frame in its place. */
  result(): Tensor {
    return tidy(() => this.#withFirstFrame());
  }

  [Symbol.dispose](): void {
    this.#latents[Symbol.dispose]();
    this.#firstFrame?.[Symbol.dispose]();
    this.#condition?.[Symbol.dispose]();
    this.#solver[Symbol.dispose]();
  }

  #velocity(timestep: number): Tensor {
    const { promptEmbeds, negativePromptEmbeds } = this.#options;
    const hiddenStates = this.#modelInput();
    const time = this.#timesteps(timestep);
    const predict = (embeds: Tensor): Tensor => {
      const encoderHiddenStates = embeds.expand([hiddenStates.size(0), ...embeds.shape.slice(1)]);
      return tidy(() => this.#model.forward({ hiddenStates, timestep: time, encoderHiddenStates }).float());
    };
    const positive = predict(promptEmbeds);
    const scale = this.#guidance(timestep);
    if (scale === 1 || negativePromptEmbeds === undefined) return positive;
    const negative = predict(negativePromptEmbeds);
    return negative.add(positive.sub(negative), scale);
  }

  #guidance(timestep: number): number {
    const { guidanceScale, lowNoiseGuidanceScale = guidanceScale } = this.#options;
    const { boundary } = this.#model;
    return boundary === undefined || expertAt(timestep, boundary) === "high" ? guidanceScale : lowNoiseGuidanceScale;
  }

  /** [B, in, T, h, w] */
  #modelInput(): Tensor {
    const latents = this.#withFirstFrame();
    if (this.#condition === undefined) return latents;
    return cat([latents, this.#condition.expand([latents.size(0), ...this.#condition.shape.slice(1)])], 1);
  }

  #withFirstFrame(): Tensor {
    if (this.#firstFrame === undefined) return this.#latents.alias();
    const mask = firstFrameMask(this.#latents);
    return mask.rsub(1).mul(this.#firstFrame).add(mask.mul(this.#latents));
  }

  /** [B], or with a given first frame [B, L]; on the host, where the model reads them without waiting for a card. */
  #timesteps(timestep: number): Tensor {
    const { B, T, h, w } = dims(this.#latents, "B _ T h w");
    if (this.#firstFrame === undefined) return full([B], timestep);
    const [pt, ph, pw] = this.#model.config.patchSize;
    const perFrame = (h / ph) * (w / pw);
    const values = Array.from({ length: (T / pt) * perFrame }, (_, token) => token < perFrame ? 0 : timestep);
    return tensor(values).unsqueeze(0).expand([B, values.length]);
  }
}

function checkBatch(found: number, wanted: number): void {
  if (found === 1 || found === wanted) return;
  throw new ShapeError(`Latents of ${wanted} samples were given embeddings or a frame of ${found}.`);
}
