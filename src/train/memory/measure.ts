/**
 * What one block costs, measured: memory and time of its forward and backward, and what the ends of the model need. A large run is
 * measured at a part of its tokens, twice; the rest is a straight line, but for attention, which is measured alone and grows with the
 * square of the tokens: its time, and where it keeps scores its memory.
 */
import {
  type Device,
  deviceMemory,
  type DType,
  enableGrad,
  full,
  grad,
  mseLoss,
  noGrad,
  resetPeakMemory,
  scaledDotProductAttention,
  synchronize,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "../../torch/mod.ts";
import { type Stem, TEXT_LENGTH, type TransformerInputs, type WanTransformer } from "../../wan/mod.ts";

/** Bytes on the device and seconds of one block at a batch of the run. */
export interface BlockCosts {
  /** Its weights, resident. */
  readonly weights: number;
  /** What its weights take while they pass through, if they come and go: the file's memory or two places on a card. */
  readonly passing: number;
  /** Its input, kept. */
  readonly input: number;
  /** Its graph, kept, its output and what the graph shares with the input included. */
  readonly graph: number;
  /** The most above all that while it is computed: without a graph, and while the graph is made. */
  readonly forward: number;
  readonly graphWork: number;
  /** The most in the backward of a kept graph, and with the graph made anew. */
  readonly backward: number;
  readonly recompute: number;
  /** What a batch, and what all blocks share of it, take throughout. */
  readonly shared: number;
  /** The most in everything before the blocks, and behind them. */
  readonly stem: number;
  readonly head: number;
  readonly forwardSeconds: number;
  readonly backwardSeconds: number;
}

/** The size of a batch. */
export interface BatchShape {
  readonly batchSize: number;
  /** Tokens of one clip. */
  readonly numTokens: number;
  /** Whether tokens have timesteps of their own, as where first frames are given; not if absent. */
  readonly perToken?: boolean;
}

/** What is measured, and where. */
export interface MeasureOptions {
  readonly batch: BatchShape;
  readonly device: Device;
  readonly dtype: DType;
  /** The block that is measured, and what is trained in it. */
  readonly index: number;
  readonly trained: readonly Tensor[];
  /** Bytes of its weights. */
  readonly weightBytes: number;
}

/** Tokens of a batch up to which it is measured as it is. Chosen: a second or so for the largest model on a slow host. */
const MOST_TOKENS = 1024;

/** Measures a block of a model that is set up for training. */
export function measureBlock(model: WanTransformer, options: MeasureOptions): BlockCosts {
  const { batchSize, numTokens } = options.batch;
  if (batchSize * numTokens <= MOST_TOKENS) return measureAt(model, { ...options, numTokens });
  const most = Math.max(2, Math.floor(MOST_TOKENS / batchSize)), half = Math.floor(most / 2);
  const [low, high] = [half, most].map((tokens) => measureAt(model, { ...options, numTokens: tokens })) as [
    BlockCosts,
    BlockCosts,
  ];
  const squares: Partial<BlockCosts> = measureAttention(model, { ...options, low: half, high: most });
  const at = (cost: keyof BlockCosts): number =>
    continued({ low: low[cost], high: high[cost], square: squares[cost] ?? 0 }, { half, most, numTokens });
  return Object.fromEntries(
    Object.keys(high).map((cost) => [cost, at(cost as keyof BlockCosts)]),
  ) as unknown as BlockCosts;
}

/** A cost at more tokens than it was measured at: a line, and what of it grows with the square. @param cost.square its part of `high` */
export function continued(
  cost: { low: number; high: number; square: number },
  { half, most, numTokens }: { half: number; most: number; numTokens: number },
): number {
  const square = Math.min(cost.square, cost.high);
  const high = cost.high - square, low = cost.low - square * (half / most) ** 2;
  return high + Math.max(0, high - low) * (numTokens - most) / (most - half) + square * (numTokens / most) ** 2;
}

/** What of a block's costs at `high` tokens is attention's, and grows with the square of the tokens. */
function measureAttention(
  model: WanTransformer,
  { batch: { batchSize }, device, dtype, low, high }: MeasureOptions & { low: number; high: number },
): Partial<BlockCosts> {
  const { numHeads, headDim } = model.config;
  const at = (tokens: number): { forward: Above<Tensor>; graph: Above<Tensor>; backward: Above<void> } =>
    tidy(() => {
      const x = zeros([batchSize, numHeads, tokens, headDim], { device, dtype });
      x.setRequiresGrad(true);
      const run = (): Tensor => tidy(() => scaledDotProductAttention(x, x, { v: x }));
      tidy(() => void noGrad(run)); // the first use of a shape takes longer
      const forward = above(device, () => noGrad(run));
      const graph = above(device, () => enableGrad(run));
      const backward = above(device, () => tidy(() => void grad([graph.value], [x], { outputGrads: [forward.value] })));
      return { forward, graph, backward };
    });
  const [few, many] = [at(low), at(high)];
  // Of twice the tokens, scores take four times the memory and all else twice as much.
  const square = (of: (costs: typeof many) => number): number => of(many) > 3 * of(few) ? of(many) : 0;
  const backward = square((costs) => costs.backward.most), graph = square((costs) => costs.graph.stays);
  return {
    forward: square((costs) => costs.forward.most),
    graphWork: square((costs) => costs.graph.most),
    graph,
    backward,
    recompute: graph + backward,
    forwardSeconds: many.forward.seconds,
    backwardSeconds: many.backward.seconds,
  };
}

function measureAt(model: WanTransformer, options: MeasureOptions & { numTokens: number }): BlockCosts {
  const { index, device, weightBytes: weights } = options;
  const block = model.blocks[index];
  if (block === undefined) throw new RangeError(`a model without block ${index}`);
  return tidy(() => {
    const inputs = blankInputs(model, options);
    const stem = above(device, () => noGrad(() => model.stem(inputs)));
    const costs = (): Omit<BlockCosts, "weights" | "passing" | "shared" | "stem" | "head"> =>
      blockCosts(block, { ...options, stem: stem.value });
    const found = model.blockWeights === undefined ? costs() : model.blockWeights.use(index, { run: costs });
    const output = stem.value.x.detach();
    output.setRequiresGrad(true);
    const head = above(device, () =>
      tidy(() => {
        const predicted = enableGrad(() => model.head(output, stem.value));
        const loss = enableGrad(() => mseLoss(predicted.float(), zeros(predicted.shape, { device })));
        return grad([loss], [output])[0];
      }));
    const passing = device === "cpu" ? weights : 2 * weights;
    const { hiddenStates, encoderHiddenStates } = inputs;
    const data = encoderHiddenStates.numBytes + 4 * 4 * hiddenStates.numel; // clean, noise, noisy and target
    const shared = data + stem.stays - stem.value.x.numBytes;
    return { ...found, weights, passing, shared, stem: stem.most, head: head.most };
  });
}

function blockCosts(
  block: WanTransformer["blocks"][number],
  options: MeasureOptions & { stem: Stem },
): Omit<BlockCosts, "weights" | "passing" | "shared" | "stem" | "head"> {
  const { device, trained, stem } = options;
  const x = stem.x.detach();
  x.setRequiresGrad(true);
  tidy(() => void noGrad(() => block.forward(x, stem))); // the first use of a shape takes longer
  const forward = above(device, () => noGrad(() => tidy(() => block.forward(x, stem))));
  const graph = above(device, () => enableGrad(() => tidy(() => block.forward(x, stem))));
  const backward = above(
    device,
    () => tidy(() => void grad([graph.value], [x, ...trained], { outputGrads: [forward.value] })),
  );
  return {
    input: x.numBytes,
    graph: graph.stays,
    forward: forward.most,
    graphWork: graph.most,
    backward: backward.most,
    recompute: Math.max(graph.most, graph.stays + backward.most),
    forwardSeconds: forward.seconds,
    backwardSeconds: backward.seconds,
  };
}

/** A batch of zeros with so many tokens for each clip, in one row. */
function blankInputs(model: WanTransformer, options: MeasureOptions & { numTokens: number }): TransformerInputs {
  const { batch: { batchSize, perToken = false }, device, dtype } = options;
  const { inChannels, textDim, patchSize: [pt, ph, pw] } = model.config;
  const numTokens = Math.ceil(options.numTokens);
  const timesteps = Array.from({ length: batchSize * numTokens }, (_, token) => token % numTokens === 0 ? 0 : 500);
  return {
    hiddenStates: zeros([batchSize, inChannels, pt, ph, pw * numTokens], { device, dtype }),
    timestep: perToken ? tensor(timesteps, { shape: [batchSize, numTokens] }) : full([batchSize], 500),
    encoderHiddenStates: zeros([batchSize, TEXT_LENGTH, textDim], { device, dtype }),
  };
}

/** What something gave, how far the device's memory went above what it was, how much stays, and how long it took. */
export interface Above<T> {
  readonly value: T;
  readonly most: number;
  readonly stays: number;
  readonly seconds: number;
}

/** Runs something and measures it. */
export function above<T>(device: Device, run: () => T): Above<T> {
  synchronize(device);
  resetPeakMemory(device);
  const before = deviceMemory(device).allocated, from = performance.now();
  const value = run();
  synchronize(device);
  const seconds = (performance.now() - from) / 1000;
  const { allocated, peak } = deviceMemory(device);
  return { value, most: peak - before, stays: allocated - before, seconds };
}
