/**
 * Encoder and decoder: stages built from a plan. Both take one chunk of frames at a time; the layers that stand nearer to
 * the pixels than any merging or doubling in time take them one by one, as they are the ones whose activations are large.
 */
import type { Params } from "../../nn/mod.ts";
import { cat, type Tensor, tidy } from "../../torch/mod.ts";
import { Head, MidBlock, ResBlock } from "./blocks.ts";
import type { FeatureCache } from "./cache.ts";
import { CausalConv3d } from "./conv.ts";
import { inTurn } from "./in_turn.ts";
import type { HalfPlan, StagePlan } from "./layout.ts";
import { Downsample, Upsample } from "./resample.ts";
import { averageDown, duplicateUp } from "./shortcut.ts";

/** The shortcut around a stage, for a chunk. */
type Around = (x: Tensor, cache: FeatureCache) => Tensor;

interface Layer {
  forward(x: Tensor, cache: FeatureCache): Tensor;
}

/** Layers that each take what the one before made of a chunk. */
function through(x: Tensor, { layers, cache }: { layers: readonly Layer[]; cache: FeatureCache }): Tensor {
  return inTurn(x, layers.map((layer) => (y) => layer.forward(y, cache)));
}

/** The same frame by frame: the layers remember what they saw, so it comes to the same while a frame is in work. */
function frameByFrame(x: Tensor, work: { layers: readonly Layer[]; cache: FeatureCache }): Tensor {
  return tidy(() => cat(Array.from({ length: x.size(2) }, (_, i) => tidy(() => through(x.narrow(2, i, 1), work))), 2));
}

/** Residual blocks and a resampling, plus the shortcut where there is one. */
class Stage {
  readonly #layers: readonly Layer[];
  readonly #around: Around | undefined;

  constructor(
    p: Params,
    options: { plan: StagePlan; resample: typeof Downsample | typeof Upsample; around: Around | undefined },
  ) {
    const { plan } = options;
    const blocks = plan.resBlocks.map((block) => new ResBlock(p.at(block.path), block));
    const resample = plan.resample && new options.resample(p.at(plan.resample.path), plan.resample);
    this.#layers = resample === undefined ? blocks : [...blocks, resample];
    this.#around = options.around;
  }

  forward(x: Tensor, cache: FeatureCache): Tensor {
    const y = through(x, { layers: this.#layers, cache });
    if (this.#around !== undefined) y.add_(this.#around(x, cache));
    return y;
  }
}

/** Pixels to moments of the latents. */
export class Encoder {
  /** Up to the first merging of frames. */
  readonly #outer: readonly Layer[];
  readonly #inner: readonly Layer[];

  constructor(p: Params, options: { plan: HalfPlan; inChannels: number; outChannels: number }) {
    const { firstChannels, lastChannels, stages } = options.plan;
    const convIn = new CausalConv3d(p.at("conv_in"), {
      inChannels: options.inChannels,
      outChannels: firstChannels,
      kernel: [3, 3, 3],
    });
    const blocks = stages.map((plan) => {
      const { shortcut } = plan;
      const around = shortcut && ((x: Tensor): Tensor => averageDown(x, shortcut));
      return new Stage(p, { plan, resample: Downsample, around });
    });
    const mid = new MidBlock(p.at("mid_block"), lastChannels);
    const head = new Head(p, { inChannels: lastChannels, outChannels: options.outChannels });
    const merging = stages.findIndex(({ resample }) => resample?.time);
    const numOuter = merging < 0 ? stages.length : merging;
    this.#outer = [convIn, ...blocks.slice(0, numOuter)];
    this.#inner = [...blocks.slice(numOuter), mid, head];
  }

  /** @param x [B, in, F, H, W], a chunk @returns [B, out, F', H', W'] */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    return inTurn(x, [
      (y) => frameByFrame(y, { layers: this.#outer, cache }),
      (y) => through(y, { layers: this.#inner, cache }),
    ]);
  }
}

/** Latents to pixels. */
export class Decoder {
  readonly #inner: readonly Layer[];
  /** Behind the last doubling of frames. */
  readonly #outer: readonly Layer[];

  constructor(p: Params, options: { plan: HalfPlan; inChannels: number; outChannels: number }) {
    const { firstChannels, lastChannels, stages } = options.plan;
    const convIn = new CausalConv3d(p.at("conv_in"), {
      inChannels: options.inChannels,
      outChannels: firstChannels,
      kernel: [3, 3, 3],
    });
    const mid = new MidBlock(p.at("mid_block"), firstChannels);
    const blocks = stages.map((plan) => {
      const { shortcut } = plan;
      const around = shortcut &&
        ((x: Tensor, { isFirstChunk }: FeatureCache): Tensor => duplicateUp(x, { plan: shortcut, isFirstChunk }));
      return new Stage(p, { plan, resample: Upsample, around });
    });
    const head = new Head(p, { inChannels: lastChannels, outChannels: options.outChannels });
    const numInner = stages.findLastIndex(({ resample }) => resample?.time) + 1;
    this.#inner = [convIn, mid, ...blocks.slice(0, numInner)];
    this.#outer = [...blocks.slice(numInner), head];
  }

  /** @param x [B, in, F, H, W], a chunk @returns [B, out, F', H', W'] */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    return inTurn(x, [
      (y) => through(y, { layers: this.#inner, cache }),
      (y) => frameByFrame(y, { layers: this.#outer, cache }),
    ]);
  }
}
