/** One expert in training: a model, what is trained on it, and what trains it. */
import type { OutOfMemory } from "../base/mod.ts";
import type { SettledConfig } from "../config/mod.ts";
import { Ema, type Optimizer } from "../optim/mod.ts";
import { GradientStore } from "../parallel/mod.ts";
import type { Device, DType } from "../torch/mod.ts";
import type { Expert, ModelSource, WanTransformer } from "../wan/mod.ts";
import { PlanInForce, type PlannedModel } from "./memory/in_force.ts";
import { checkGroups, makeOptimizer } from "./optimizer.ts";
import type { TextSide } from "./text_side.ts";
import { rangeOf, type SigmaRange } from "./timesteps.ts";
import { freshTrained, type Trained } from "./trained.ts";

/** Everything that a step of one expert works on. */
export interface Trainee {
  /** The model's only transformer, or the expert for high or for low noise. */
  readonly expert: Expert;
  /** The run's config as it is for this expert: method, optimizer and steps are its own. */
  readonly config: SettledConfig;
  /** The noise levels that it is trained at, from the first to below the second; 1 itself belongs to whoever has the top. */
  readonly range: SigmaRange;
  readonly model: WanTransformer;
  readonly trained: Trained;
  readonly optimizer: Optimizer;
  /** The moving average of what is trained, where the config asks for one. */
  readonly ema?: Ema | undefined;
  readonly gradients: GradientStore;
  /** What each block keeps where. */
  readonly memory: PlanInForce;
  /** Told when memory ran out and the plan was made smaller. */
  readonly onShrink?: ((memory: PlanInForce, error: OutOfMemory) => void) | undefined;
  /** Whether its weights make room while the other expert works. */
  readonly takesTurns: boolean;
  readonly device: Device;
  readonly dtype: DType;
}

/** A trainee that owns what it works on. */
export interface OwnedTrainee extends Trainee, Disposable {}

/** How a trainee is made. */
export interface TraineeOptions {
  readonly models: ModelSource;
  readonly expert: Expert;
  readonly config: SettledConfig;
  /** The text side, where it is trained. */
  readonly text?: TextSide | undefined;
  readonly device: Device;
  readonly dtype: DType;
  /** Whether its weights make room while the other expert works. */
  readonly takesTurns?: boolean | undefined;
  /** Plans the memory of the model and what is trained on it; absent: every block is recomputed. */
  readonly plan?: ((planned: PlannedModel) => PlanInForce) | undefined;
  readonly onShrink?: Trainee["onShrink"];
}

/**
 * Loads an expert and makes what trains it.
 * @throws {WeightsError} {ConfigError} as the weights or the method's settings are wrong
 */
export function makeTrainee(options: TraineeOptions): OwnedTrainee {
  const { models, expert, config, text, device, dtype, takesTurns = false } = options;
  using stack = new DisposableStack();
  const isTrained = config.method.kind === "full";
  const { quantization } = config.model;
  const built = models.loadTransformer({
    dtype,
    device,
    expert,
    quantization: quantization === "none" ? undefined : quantization,
    ...(isTrained ? {} : { blocks: "mapped" }),
  });
  const { model, params } = built;
  for (const param of params.values()) stack.use(param);
  stack.use(model);
  const trained = stack.use(freshTrained({ config, expert, built, text }));
  const tensors = [...trained.params.values()];
  const { optim, train: { seed } } = config;
  checkGroups(trained.params.keys(), optim);
  const optimizer = stack.use(makeOptimizer(trained.params, { optim, seed, expert }));
  const ema = optim.ema && stack.use(new Ema(tensors, { ...optim.ema, updateAfterStep: optim.ema.startStep }));
  const gradients = stack.use(new GradientStore(tensors));
  const memory = options.plan?.({ model, params, trained: trained.params }) ?? PlanInForce.plain(model, config);
  if (!takesTurns) memory.place();
  const range = rangeOf(expert, models.boundary);
  const owned = stack.move();
  return {
    ...{ expert, config, range, model, trained, optimizer, ema, gradients, memory, takesTurns, device, dtype },
    onShrink: options.onShrink,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/**
 * Gives an expert its turn: the blocks of its weights come to where its plan has them, those of others that take turns go back to
 * their files. Nothing happens where all stay in memory.
 */
export function takeTurn(trainee: Trainee, among: readonly Trainee[]): void {
  for (const other of among) if (other !== trainee && other.takesTurns) other.memory.park();
  trainee.memory.place();
}
