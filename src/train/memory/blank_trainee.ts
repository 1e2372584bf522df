/** What a trainee of a run will be, made of blanks: model, what is trained, optimizer, and how many bytes the real ones take. */
import type { RunConfig, SettledConfig } from "../../config/mod.ts";
import type { Built } from "../../nn/mod.ts";
import { type Device, type DType, type Tensor, zeros } from "../../torch/mod.ts";
import type { Expert, ModelSource, WanTransformer } from "../../wan/mod.ts";
import { chooseParameters } from "../methods/full.ts";
import { checkGroups, makeOptimizer } from "../optimizer.ts";
import { freshTrained } from "../trained.ts";
import { blankTransformer } from "./blank.ts";
import { bytesOf } from "./in_force.ts";

/** Bytes that a trainee takes when all of it is there. */
export interface TraineeSizes {
  /** Of the model before and behind its blocks, and of all blocks. */
  readonly ends: number;
  readonly blocks: number;
  /** Of what is trained beside the model; where the model itself is trained, nothing. */
  readonly beside: number;
  /** Of all that is trained. */
  readonly trained: number;
  /** Of the optimizer's state, and of the moving average. */
  readonly state: number;
  readonly average: number;
}

/** A trainee of blanks. */
export interface BlankTrainee {
  readonly built: Built<WanTransformer>;
  /** By name; of a model that is trained whole all but one block is away. */
  readonly trained: ReadonlyMap<string, Tensor>;
  readonly sizes: TraineeSizes;
  /** Bytes that a real one has in memory and this one has not, before its blocks are placed. */
  readonly missingBytes: number;
}

/** How what is trained is made up. */
export interface TrainedOptions {
  readonly models: ModelSource;
  readonly expert: Expert;
  readonly config: RunConfig;
  /** Shapes of what is trained on the text side, by name. */
  readonly textParams: ReadonlyMap<string, readonly number[]>;
  readonly device: Device;
  readonly dtype: DType;
}

/** How a trainee is made up. */
export interface BlankTraineeOptions extends TrainedOptions {
  readonly config: SettledConfig;
}

/** Refuses names that nothing is trained of. @throws {ConfigError} as the run itself would */
export function checkTrained(options: TrainedOptions): void {
  using stack = new DisposableStack();
  blankTrained(options, stack);
}

/** Makes a blank trainee for as long as `use` runs. @throws {ConfigError} as the run itself would */
export function withBlankTrainee<T>(options: BlankTraineeOptions, use: (blank: BlankTrainee) => T): T {
  const { config, expert } = options;
  const isFull = config.method.kind === "full";
  using stack = new DisposableStack();
  const { built, trained } = blankTrained(options, stack);
  const { optim, train: { seed } } = config;
  const optimizer = stack.use(makeOptimizer(hereOf(trained), { optim, seed, expert }));
  const stateHere = bytesOf(optimizer.state().values());
  const state = stateHere * numbersOf(trained) / Math.max(1, numbersOf(hereOf(trained)));
  const inBlocks = bytesOf([...built.params].filter(([name]) => name.startsWith("blocks.")).map(([, param]) => param));
  const sizes = {
    ends: bytesOf(built.params.values()) - inBlocks,
    blocks: inBlocks,
    beside: isFull ? 0 : bytesOf(trained.values()),
    trained: bytesOf(trained.values()),
    state,
    average: optim.ema === undefined ? 0 : 4 * numbersOf(trained),
  };
  const awayBytes = isFull ? bytesOf(built.params.values()) - bytesOf(hereOf(built.params).values()) : 0;
  return use({ built, trained, sizes, missingBytes: awayBytes + state - stateHere + sizes.average });
}

/** The model and what is trained, which the stack owns. */
function blankTrained(options: TrainedOptions, stack: DisposableStack): Pick<BlankTrainee, "built" | "trained"> {
  const { models, config, device, dtype } = options;
  const { method, model: { quantization }, optim } = config;
  const built = blankTransformer(models, {
    ...{ device, dtype, isFull: method.kind === "full" },
    quantization: quantization === "none" ? undefined : quantization,
  });
  for (const param of built.params.values()) stack.use(param);
  stack.use(built.model);
  const trained = method.kind === "full"
    ? chooseParameters(built.params, method.parameters)
    : trainedBeside(built, { ...options, stack });
  if (method.kind === "full") { for (const tensor of hereOf(trained).values()) tensor.setRequiresGrad(true); }
  checkGroups(trained.keys(), optim);
  return { built, trained };
}

/** Bytes of an expert that stay while another one is trained. */
export function standingBytes(sizes: TraineeSizes, { takesTurns }: { takesTurns: boolean }): number {
  const { ends, blocks, beside, state, average } = sizes;
  return ends + (takesTurns ? 0 : blocks) + beside + state + average;
}

/** How many numbers tensors have. */
export function numbersOf(named: ReadonlyMap<string, Tensor>): number {
  return [...named.values()].reduce((sum, { numel }) => sum + numel, 0);
}

function hereOf(named: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...named].filter(([, tensor]) => !tensor.isFreed));
}

/** Adapters as a run makes them, and zeros for what is trained on the text side. */
function trainedBeside(
  built: Built<WanTransformer>,
  { config, expert, textParams, device, stack }: TrainedOptions & { stack: DisposableStack },
): ReadonlyMap<string, Tensor> {
  const text = [...textParams].map(([name, shape]) => [name, stack.use(zeros(shape, { device }))] as const);
  if (config.method.kind === "embedding") return new Map(text);
  return new Map([...stack.use(freshTrained({ config, expert, built, text: undefined })).params, ...text]);
}
