/** Encoder and decoder: stages built from a plan. Both take one chunk of frames at a time. */
import type { Params } from "../../nn/mod.ts";
import type { Tensor } from "../../torch/mod.ts";
import { Head, MidBlock, ResBlock } from "./blocks.ts";
import type { FeatureCache } from "./cache.ts";
import { CausalConv3d } from "./conv.ts";
import { inTurn } from "./in_turn.ts";
import type { HalfPlan, StagePlan } from "./layout.ts";
import { Downsample, Upsample } from "./resample.ts";
import { averageDown, duplicateUp } from "./shortcut.ts";

/** The shortcut around a stage, for a chunk. */
type Around = (x: Tensor, cache: FeatureCache) => Tensor;

/** Residual blocks and a resampling, plus the shortcut where there is one. */
class Stage {
  readonly #layers: readonly { forward(x: Tensor, cache: FeatureCache): Tensor }[];
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
    const y = inTurn(x, this.#layers.map((layer) => (z) => layer.forward(z, cache)));
    if (this.#around !== undefined) y.add_(this.#around(x, cache));
    return y;
  }
}

/** Pixels to moments of the latents. */
export class Encoder {
  readonly #convIn: CausalConv3d;
  readonly #stages: readonly Stage[];
  readonly #mid: MidBlock;
  readonly #head: Head;

  constructor(p: Params, options: { plan: HalfPlan; inChannels: number; outChannels: number }) {
    const { firstChannels, lastChannels, stages } = options.plan;
    this.#convIn = new CausalConv3d(p.at("conv_in"), {
      inChannels: options.inChannels,
      outChannels: firstChannels,
      kernel: [3, 3, 3],
    });
    this.#stages = stages.map((plan) => {
      const { shortcut } = plan;
      const around = shortcut && ((x: Tensor): Tensor => averageDown(x, shortcut));
      return new Stage(p, { plan, resample: Downsample, around });
    });
    this.#mid = new MidBlock(p.at("mid_block"), lastChannels);
    this.#head = new Head(p, { inChannels: lastChannels, outChannels: options.outChannels });
  }

  /** @param x [B, in, F, H, W], a chunk @returns [B, out, F', H', W'] */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    const layers = [this.#convIn, ...this.#stages, this.#mid, this.#head];
    return inTurn(x, layers.map((layer) => (y) => layer.forward(y, cache)));
  }
}

/** Latents to pixels. */
export class Decoder {
  readonly #convIn: CausalConv3d;
  readonly #mid: MidBlock;
  readonly #stages: readonly Stage[];
  readonly #head: Head;

  constructor(p: Params, options: { plan: HalfPlan; inChannels: number; outChannels: number }) {
    const { firstChannels, lastChannels, stages } = options.plan;
    this.#convIn = new CausalConv3d(p.at("conv_in"), {
      inChannels: options.inChannels,
      outChannels: firstChannels,
      kernel: [3, 3, 3],
    });
    this.#mid = new MidBlock(p.at("mid_block"), firstChannels);
    this.#stages = stages.map((plan) => {
      const { shortcut } = plan;
      const around = shortcut &&
        ((x: Tensor, { isFirstChunk }: FeatureCache): Tensor => duplicateUp(x, { plan: shortcut, isFirstChunk }));
      return new Stage(p, { plan, resample: Upsample, around });
    });
    this.#head = new Head(p, { inChannels: lastChannels, outChannels: options.outChannels });
  }

  /** @param x [B, in, F, H, W], a chunk @returns [B, out, F', H', W'] */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    const layers = [this.#convIn, this.#mid, ...this.#stages, this.#head];
    return inTurn(x, layers.map((layer) => (y) => layer.forward(y, cache)));
  }
}
