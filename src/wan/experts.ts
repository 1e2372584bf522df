/**
 * Models of two experts: one transformer for high noise, one for low. A walk from noise to data meets each for a time and
 * never goes back, so one of them is in memory at a time.
 * Source: diffusers pipelines/wan/pipeline_wan.py, __call__; Wan-Video/Wan2.2 wan/text2video.py, _prepare_model_for_timestep
 */
import { type Tensor, unscoped } from "../torch/mod.ts";
import type { VelocityModel } from "./denoise.ts";
import { expertAt, type NoiseExpert } from "./boundary.ts";
import type { TransformerPlaceOptions } from "./component.ts";
import type { Expert, ModelSource } from "./model_source.ts";
import type { Weights } from "../weights/mod.ts";
import type { TransformerInputs, WanTransformer } from "./transformer/mod.ts";

/** Something that predicts velocities and can be freed. */
export interface OwnedModel extends VelocityModel, Disposable {}

/** How a model of two experts gets them. */
export interface ExpertSwitchOptions {
  /** What both are like. */
  readonly config: VelocityModel["config"];
  /** Share of time from which on the high-noise expert works. */
  readonly boundary: number;
  /** Loads one; called again when it was let go. */
  readonly load: (expert: NoiseExpert) => OwnedModel;
  /** Whether both stay in memory once loaded; false if absent. */
  readonly keepBoth?: boolean | undefined;
}

/** Two experts as one model: loads the one that a timestep wants, and lets the other go before. */
export class ExpertSwitch implements OwnedModel {
  readonly config: VelocityModel["config"];
  readonly boundary: number;
  readonly #options: ExpertSwitchOptions;
  readonly #loaded = new Map<NoiseExpert, OwnedModel>();

  constructor(options: ExpertSwitchOptions) {
    this.config = options.config;
    this.boundary = options.boundary;
    this.#options = options;
  }

  /** The experts in memory. */
  get loaded(): NoiseExpert[] {
    return [...this.#loaded.keys()];
  }

  /** @throws {RangeError} if the timesteps of a batch lie on both sides of the boundary */
  forward(inputs: TransformerInputs): Tensor {
    // A token that is given has timestep 0: the largest of a sample's is where it stands.
    const { timestep } = inputs;
    const rows = timestep.ndim === 1 ? timestep.toNumbers() : largestOfRows(timestep);
    const [expert, other] = new Set(rows.map((value) => expertAt(value, this.boundary)));
    if (expert === undefined || other !== undefined) {
      throw new RangeError(`the timesteps ${rows.join(", ")} do not belong to one expert`);
    }
    return this.#ready(expert).forward(inputs);
  }

  /** Lets go of what is loaded; it is loaded again when it is needed. */
  release(): void {
    for (const model of this.#loaded.values()) model[Symbol.dispose]();
    this.#loaded.clear();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #ready(expert: NoiseExpert): OwnedModel {
    const ready = this.#loaded.get(expert);
    if (ready !== undefined) return ready;
    if (!this.#options.keepBoth) this.release();
    const model = unscoped(() => this.#options.load(expert));
    this.#loaded.set(expert, model);
    return model;
  }
}

function largestOfRows(timestep: Tensor): number[] {
  using largest = timestep.amax([1]);
  return largest.toNumbers();
}

/** How the transformers of a model are opened. */
export interface OpenTransformersOptions extends Omit<TransformerPlaceOptions, "view"> {
  /** Whether two experts stay in memory together once loaded; false if absent. */
  readonly keepBoth?: boolean | undefined;
  /** Called with a transformer's weights before they are loaded; what it returns, and owns them, is loaded. */
  readonly view?: ((weights: Weights, expert: Expert) => Weights) | undefined;
  /** Called with each transformer that was loaded, to hang adapters on it; what it returns goes before the transformer. */
  readonly adapt?: ((model: WanTransformer, expert: Expert) => Disposable | undefined) | undefined;
}

/**
 * The transformer of a model, or both as one. A single one is loaded at once, of two each when it is needed.
 * @throws {WeightsError} like `ModelSource.loadTransformer`; for experts when they are needed
 */
export function openTransformers(source: ModelSource, options: OpenTransformersOptions = {}): OwnedModel {
  const { boundary, transformerConfig: config } = source;
  const load = (expert: Expert): OwnedModel => unscoped(() => openTransformer(source, { ...options, expert }));
  if (boundary === null) return load("only");
  return new ExpertSwitch({ config, boundary, load, keepBoth: options.keepBoth });
}

/** One transformer of a model. @throws {WeightsError} like `ModelSource.loadTransformer` */
export function openTransformer(
  source: ModelSource,
  options: OpenTransformersOptions & { expert: Expert },
): OwnedModel {
  using stack = new DisposableStack();
  const { expert, view } = options;
  const { model, params } = source.loadTransformer({ ...options, view: view && ((weights) => view(weights, expert)) });
  for (const param of params.values()) stack.use(param);
  stack.use(model);
  stack.use(options.adapt?.(model, expert));
  const owned = stack.move();
  return {
    config: model.config,
    forward: (inputs) => model.forward(inputs),
    [Symbol.dispose]: () => owned.dispose(),
  };
}
