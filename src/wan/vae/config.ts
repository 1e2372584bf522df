/** The numbers of a WAN VAE, as diffusers writes them into `vae/config.json`. */
import { z } from "zod";
import { WeightsError } from "../../base/mod.ts";

const size = z.int().positive();

const schema = z.object({
  base_dim: size,
  decoder_base_dim: size.nullish(),
  z_dim: size,
  dim_mult: z.array(size).min(2),
  num_res_blocks: size,
  attn_scales: z.array(z.number()).max(0, "attention inside of stages is not known").default([]),
  temperal_downsample: z.array(z.boolean()),
  is_residual: z.boolean().default(false),
  patch_size: size.nullish(),
  latents_mean: z.array(z.number()),
  latents_std: z.array(z.number().positive()),
}).superRefine((c, context) => {
  const wrong = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
  if (c.temperal_downsample.length !== c.dim_mult.length - 1) {
    wrong("temperal_downsample", `must have ${c.dim_mult.length - 1} entries, one less than dim_mult`);
  }
  for (const name of ["latents_mean", "latents_std"] as const) {
    if (c[name].length !== c.z_dim) wrong(name, `must have ${c.z_dim} entries, one for each latent channel`);
  }
});

/** Shape of one VAE and the scale of its latents. */
export interface VaeConfig {
  /** Channels of the encoder's first stage. */
  readonly baseDim: number;
  /** Channels of the decoder's last stage. */
  readonly decoderBaseDim: number;
  readonly latentChannels: number;
  /** Channels of each stage as a multiple of the base. */
  readonly dimMult: readonly number[];
  readonly numResBlocks: number;
  /** Whether the encoder halves time behind each stage but the last. */
  readonly temporalDownsample: readonly boolean[];
  /** The kind of 2.2: stages have a parameter-free shortcut. */
  readonly isResidual: boolean;
  /** Pixels along a side that become channels before the first convolution; 1 for none. */
  readonly patchSize: number;
  /** Of the latents, by channel. */
  readonly latentsMean: readonly number[];
  readonly latentsStd: readonly number[];
}

/**
 * Reads a diffusers config.
 * @param json the parsed `config.json`
 * @param path named in errors
 * @throws {WeightsError} naming each field that is missing, wrong or describes a VAE wantune does not have
 */
export function parseVaeConfig(json: unknown, path: string): VaeConfig {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new WeightsError(`Cannot read ${path} as a WAN VAE: ${problems}`, {
      cure: "use the vae folder of a WAN model in diffusers layout",
    });
  }
  const c = parsed.data;
  return {
    baseDim: c.base_dim,
    decoderBaseDim: c.decoder_base_dim ?? c.base_dim,
    latentChannels: c.z_dim,
    dimMult: c.dim_mult,
    numResBlocks: c.num_res_blocks,
    temporalDownsample: c.temperal_downsample,
    isResidual: c.is_residual,
    patchSize: c.patch_size ?? 1,
    latentsMean: c.latents_mean,
    latentsStd: c.latents_std,
  };
}

/** Pixels along a side for one latent position, and frames for one latent frame (the first one aside). */
export function vaeStrides(config: VaeConfig): { spatialStride: number; temporalStride: number } {
  return {
    spatialStride: config.patchSize * 2 ** (config.dimMult.length - 1),
    temporalStride: 2 ** config.temporalDownsample.filter((halves) => halves).length,
  };
}
