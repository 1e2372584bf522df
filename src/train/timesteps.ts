/** Which noise level each sample of a step is trained at. Float64 on the host; no state between draws. */
import { ConfigError, random, seedFor } from "../base/mod.ts";
import type { TimestepsConfig } from "../config/mod.ts";
import {
  densityCdf,
  densityQuantile,
  type Expert,
  shiftSigma,
  type TimestepDensity,
  unshiftSigma,
} from "../wan/mod.ts";

/** Noise levels from the first to below the second; a range that ends at 1 includes it. */
export type SigmaRange = readonly [low: number, high: number];

/** A law of noise levels, ready to draw from: shifted, and cut to a range. */
export interface NoiseLaw {
  readonly density: TimestepDensity;
  readonly shift: number;
  /** The sigmas that can be drawn. */
  readonly range: SigmaRange;
  /** The shares of the uncut law that lie below the ends of the range. */
  readonly shares: readonly [number, number];
}

/** Tokens of one latent frame at which `shift: "resolution"` has the two values of the config. Source: diffusers pipeline_flux.py */
const RESOLUTION_TOKENS = [256, 4096] as const;

/**
 * The law that a config means.
 * - `uniform`: S(u), u uniform in [0, 1)
 * - `logit-normal`: S(sigmoid(mean + std · n)), n standard normal
 * - `mode`: S(1 − u − scale · (cos²(πu/2) − 1 + u))
 *
 * with S(u) = shift · u / (1 + (shift − 1) · u). What lies outside the range is cut off; the rest keeps its shape.
 * @param options.frameTokens transformer tokens of one latent frame, for the shift that depends on the size
 * @param options.range sigmas that the expert works at; everything without
 * @throws {ConfigError} if the law draws nothing in the range
 */
export function noiseLaw(
  config: TimestepsConfig,
  options: { frameTokens: number; range?: SigmaRange | undefined },
): NoiseLaw {
  const [low, high] = options.range ?? [0, 1];
  const range = [Math.max(low, config.min), Math.min(high, config.max)] as const;
  const density = densityOf(config);
  const shift = config.shift === "resolution"
    ? resolutionShift(options.frameTokens, config.resolutionShift)
    : config.shift;
  const shares = [0, 1].map((end) => densityCdf(unshiftSigma(range[end] as number, shift), density));
  const [below = 0, above = 0] = shares;
  if (!(above - below > 1e-9)) {
    throw new ConfigError(
      `Cannot draw noise levels from ${range[0]} to ${range[1]}: train.timesteps never draws one there.`,
      { cure: "widen train.timesteps.min and max, or take another law or shift" },
    );
  }
  return { density, shift, range, shares: [below, above] };
}

function densityOf(config: TimestepsConfig): TimestepDensity {
  switch (config.law) {
    case "uniform":
      return { kind: "none" };
    case "logit-normal":
      return { kind: "logit-normal", mean: config.logitMean, std: config.logitStd };
    case "mode":
      return { kind: "mode", scale: config.modeScale };
  }
}

/** exp(µ), µ linear in the tokens of a frame. */
function resolutionShift(tokens: number, [atFew, atMany]: readonly [number, number]): number {
  const [few, many] = RESOLUTION_TOKENS;
  return Math.exp(atFew + (atMany - atFew) * (tokens - few) / (many - few));
}

/** The sigma below which a share of the cut law's draws lies. @param share in [0, 1] */
export function sigmaAt({ density, shift, range, shares }: NoiseLaw, share: number): number {
  const [from, to] = shares;
  const sigma = shiftSigma(densityQuantile(from + share * (to - from), density), shift);
  const [low, high] = range;
  return Math.min(Math.max(sigma, low), high === 1 ? 1 : high - Number.EPSILON); // rounding may step over an end
}

/** The share of the cut law's draws that lie between two sigmas. */
export function shareBetween(law: NoiseLaw, from: number, to: number): number {
  const below = (sigma: number): number => {
    const cut = Math.min(Math.max(sigma, law.range[0]), law.range[1]);
    return densityCdf(unshiftSigma(cut, law.shift), law.density);
  };
  return (below(to) - below(from)) / (law.shares[1] - law.shares[0]);
}

/** The noise levels that belong to an expert; the boundary itself is high noise. */
export function rangeOf(expert: Expert, boundary: number | null): SigmaRange {
  if (boundary === null || expert === "only") return [0, 1];
  return expert === "high" ? [boundary, 1] : [0, boundary];
}

/** Of noise levels for validation those in an expert's range, rising. @throws {ConfigError} if there is none */
export function givenSigmas(
  sigmas: readonly number[],
  { expert, range: [low, high] }: { expert: Expert; range: SigmaRange },
): readonly number[] {
  const inside = sigmas.filter((sigma) => sigma >= low && (sigma < high || high === 1)).toSorted((a, b) => a - b);
  if (inside.length > 0) return inside;
  throw new ConfigError(
    `Cannot validate the ${expert}-noise expert: validation.sigmas has none from ${low} to ${high}`,
    { cure: "add noise levels there, or leave validation.sigmas out" },
  );
}

/** Names one draw: the run's seed, the micro-step counted over the whole run, and the sample's place in the batch. */
export interface Draw {
  readonly seed: number;
  readonly microStep: number;
  readonly index: number;
  /** Its number among the draws of its expert, by which strata are dealt. */
  readonly ordinal: number;
}

/**
 * Draws a noise level. Of `strata` draws in a row each falls into another of as many equally likely parts of the law, in an
 * order that changes from one row to the next.
 * @returns sigma in the law's range; the transformer's timestep is 1000 · sigma
 */
export function drawSigma(law: NoiseLaw, draw: Draw, strata = 1): number {
  const { seed, microStep, index, ordinal } = draw;
  const u = random(seedFor(seed, "timestep", microStep, index)).next();
  if (strata === 1) return sigmaAt(law, u);
  const row = random(seedFor(seed, "timestep-strata", Math.floor(ordinal / strata)));
  const stratum = row.shuffle(Array.from({ length: strata }, (_, i) => i))[ordinal % strata] ?? 0;
  return sigmaAt(law, (stratum + u) / strata);
}
