/**
 * What the stages of the two kinds of VAE are made of, as data: the blocks are the same, their channels, shortcuts and
 * names differ. The kind of 2.2 ("residual") adds a parameter-free shortcut around a stage and keeps channels when it
 * upsamples; that of 2.1 has a flat list of blocks and halves them.
 * Source: diffusers autoencoder_kl_wan.py, WanEncoder3d and WanDecoder3d.
 */
import type { VaeConfig } from "./config.ts";

/** A residual block by its checkpoint path below the encoder or decoder. */
export interface ResBlockPlan {
  readonly path: string;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** A change of resolution by 2: of rows and columns always, of frames where `time` says so. */
export interface ResamplePlan extends ResBlockPlan {
  readonly time: boolean;
}

/** A shortcut that moves cells of `time` × `space` × `space` between space and channels. */
export interface ShortcutPlan {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly time: number;
  readonly space: number;
}

/** Residual blocks, then a resampling, beside them a shortcut. */
export interface StagePlan {
  readonly resBlocks: readonly ResBlockPlan[];
  readonly resample?: ResamplePlan;
  readonly shortcut?: ShortcutPlan;
}

/** One half of a VAE: the channels at both ends, and the stages between. */
export interface HalfPlan {
  readonly firstChannels: number;
  readonly lastChannels: number;
  readonly stages: readonly StagePlan[];
}

/** `count` blocks of which the first changes the channels. */
function resBlocks(
  count: number,
  options: { inChannels: number; outChannels: number; path: (index: number) => string },
): ResBlockPlan[] {
  const { inChannels, outChannels, path } = options;
  return Array.from({ length: count }, (_, i) => ({
    path: path(i),
    inChannels: i === 0 ? inChannels : outChannels,
    outChannels,
  }));
}

/** The encoder's stages, from pixels to latents. */
export function encoderPlan(config: VaeConfig): HalfPlan {
  const channels = [1, ...config.dimMult].map((factor) => factor * config.baseDim);
  let flat = 0; // number of the next block in the flat naming of 2.1
  const stages = config.dimMult.map((_, stage): StagePlan => {
    const [inChannels, outChannels] = [channels[stage] as number, channels[stage + 1] as number];
    const name = (kind: string): string => config.isResidual ? `down_blocks.${stage}.${kind}` : `down_blocks.${flat++}`;
    const plan = {
      resBlocks: resBlocks(config.numResBlocks, { inChannels, outChannels, path: (i) => name(`resnets.${i}`) }),
    };
    const isLast = stage === config.dimMult.length - 1;
    const time = config.temporalDownsample[stage] ?? false;
    const shortcut = { inChannels, outChannels, time: time ? 2 : 1, space: isLast ? 1 : 2 };
    return {
      ...plan,
      ...(isLast ? {} : { resample: { path: name("downsampler"), inChannels: outChannels, outChannels, time } }),
      ...(config.isResidual ? { shortcut } : {}),
    };
  });
  return { firstChannels: channels[0] as number, lastChannels: channels.at(-1) as number, stages };
}

/** The decoder's stages, from latents to pixels. */
export function decoderPlan(config: VaeConfig): HalfPlan {
  const multiples = config.dimMult.toReversed();
  const channels = [multiples[0] as number, ...multiples].map((factor) => factor * config.decoderBaseDim);
  const times = config.temporalDownsample.toReversed();
  const stages = multiples.map((_, stage): StagePlan => {
    const outChannels = channels[stage + 1] as number;
    const halved = !config.isResidual && stage > 0;
    const inChannels = (channels[stage] as number) / (halved ? 2 : 1);
    const path = (i: number): string => `up_blocks.${stage}.resnets.${i}`;
    const plan = { resBlocks: resBlocks(config.numResBlocks + 1, { inChannels, outChannels, path }) };
    if (stage === multiples.length - 1) return plan;
    const time = times[stage] ?? false;
    const resample = {
      path: config.isResidual ? `up_blocks.${stage}.upsampler` : `up_blocks.${stage}.upsamplers.0`,
      inChannels: outChannels,
      outChannels: config.isResidual ? outChannels : outChannels / 2,
      time,
    };
    if (!config.isResidual) return { ...plan, resample };
    return { ...plan, resample, shortcut: { inChannels, outChannels, time: time ? 2 : 1, space: 2 } };
  });
  return { firstChannels: channels[0] as number, lastChannels: channels.at(-1) as number, stages };
}
