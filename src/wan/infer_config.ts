/**
 * The numbers of a model's parts, read off the shapes of their tensors: files of other families come without a config, and
 * shapes cannot be out of date.
 */
import { WeightsError } from "../base/mod.ts";
import latents from "../../specs/wan/latents.json" with { type: "json" };
import { isResidualVae, type Weights } from "../weights/mod.ts";
import type { TransformerConfig } from "./transformer/mod.ts";
import type { Umt5Config } from "./umt5_config.ts";
import type { VaeConfig } from "./vae/mod.ts";

/** Width of a head in every published WAN transformer. */
const HEAD_WIDTH = 128;
const EPS = 1e-6;

/** What shapes do not tell. */
export interface TransformerHints {
  /** Absent: as many as are 128 wide. */
  readonly numHeads?: number | undefined;
  readonly eps?: number | undefined;
}

/**
 * A transformer's numbers.
 * @param weights under diffusers' names
 * @param name of the file, for messages
 * @throws {WeightsError} if it lacks what tells them, or its heads cannot be counted
 */
export function inferTransformerConfig(
  weights: Weights,
  { name, numHeads, eps = EPS }: TransformerHints & { name: string },
): TransformerConfig {
  const shape = shapesOf(weights, { name, what: "the transformer" });
  const [width = 0, inChannels = 0, ...patch] = shape("patch_embedding.weight", 5);
  const patchSize = patch as unknown as readonly [number, number, number];
  const [, freqDim = 0] = shape("condition_embedder.time_embedder.linear_1.weight", 2);
  const [, textDim = 0] = shape("condition_embedder.text_embedder.linear_1.weight", 2);
  const [ffnDim = 0] = shape("blocks.0.ffn.net.0.proj.weight", 2);
  const [outFeatures = 0] = shape("proj_out.weight", 2);
  const heads = numHeads ?? width / HEAD_WIDTH;
  if (!Number.isInteger(heads) || width % heads !== 0) {
    throw new WeightsError(`Cannot load the transformer from ${name}: its width ${width} does not tell its heads`, {
      cure: "put the config.json that belongs to it beside it",
    });
  }
  return {
    patchSize,
    numHeads: heads,
    headDim: width / heads,
    width,
    inChannels,
    outChannels: outFeatures / patchSize.reduce((product, size) => product * size, 1),
    textDim,
    freqDim,
    ffnDim,
    numLayers: countOf(weights, /^blocks\.(\d+)\./),
    eps,
  };
}

/**
 * A VAE's numbers; the scale of its latents is the published one for their channels.
 * @param weights under diffusers' names
 * @throws {WeightsError} if it lacks what tells them, or has other latents than the published VAEs
 */
export function inferVaeConfig(weights: Weights, { name }: { name: string }): VaeConfig {
  const shape = shapesOf(weights, { name, what: "the VAE" });
  const [baseDim = 0, pixels = 0] = shape("encoder.conv_in.weight", 5);
  const [latentChannels = 0] = shape("post_quant_conv.weight", 5);
  const [, lastChannels = 0] = shape("decoder.conv_out.weight", 5);
  const isResidual = isResidualVae(weights.keys());
  const stages = isResidual ? nestedStages(weights) : flatStages(weights);
  const dimMult = stages.map(({ blocks }) => (shape(`${blocks.at(-1) ?? ""}.conv2.weight`, 5)[0] ?? 0) / baseDim);
  const scale = Object.entries(latents).find(([channels]) => channels === String(latentChannels))?.[1];
  if (typeof scale !== "object") {
    throw new WeightsError(`Cannot load the VAE from ${name}: it has ${latentChannels} latent channels, not 16 or 48`);
  }
  return {
    baseDim,
    decoderBaseDim: lastChannels / (dimMult[0] ?? 1),
    latentChannels,
    dimMult,
    numResBlocks: stages[0]?.blocks.length ?? 0,
    temporalDownsample: stages.slice(0, -1).map(({ down }) => weights.has(`${down}.time_conv.weight`)),
    isResidual,
    patchSize: Math.sqrt(pixels / 3),
    latentsMean: scale.mean,
    latentsStd: scale.std,
  };
}

/**
 * A text encoder's numbers; those that are not in its shapes are the same in every UMT5.
 * @param weights under the names of transformers
 * @throws {WeightsError} if it lacks what tells them
 */
export function inferUmt5Config(weights: Weights, { name }: { name: string }): Umt5Config {
  const shape = shapesOf(weights, { name, what: "the text encoder" });
  const [vocabSize = 0, width = 0] = shape("shared.weight", 2);
  const [numBuckets = 0, numHeads = 1] = shape(
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    2,
  );
  const [inner = 0] = shape("encoder.block.0.layer.0.SelfAttention.q.weight", 2);
  const [ffnDim = 0] = shape("encoder.block.0.layer.1.DenseReluDense.wi_0.weight", 2);
  return {
    vocabSize,
    width,
    headDim: inner / numHeads,
    ffnDim,
    numLayers: countOf(weights, /^encoder\.block\.(\d+)\./),
    numHeads,
    numBuckets,
    maxDistance: 128,
    eps: EPS,
  };
}

function shapesOf(
  weights: Weights,
  { name, what }: { name: string; what: string },
): (key: string, ndim: number) => readonly number[] {
  return (key, ndim) => {
    const shape = weights.has(key) ? weights.shapeOf(key) : undefined;
    if (shape?.length === ndim) return shape;
    const fact = shape === undefined
      ? `it has no ${key}`
      : `${key} is [${shape.join(", ")}], not of ${ndim} dimensions`;
    throw new WeightsError(`Cannot load ${what} from ${name}: ${fact}`, { cure: "download the file again" });
  };
}

/** One more than the largest number that the pattern finds in a name. */
function countOf(weights: Weights, pattern: RegExp): number {
  return weights.keys().reduce((count, key) => Math.max(count, 1 + Number(pattern.exec(key)?.[1] ?? -1)), 0);
}

/** Names of a stage's residual blocks and of its downsampling. */
interface Stage {
  readonly blocks: string[];
  down: string;
}

/** The encoder of 2.2: a folder for each stage. */
function nestedStages(weights: Weights): Stage[] {
  return Array.from({ length: countOf(weights, /^encoder\.down_blocks\.(\d+)\./) }, (_, stage) => {
    const path = `encoder.down_blocks.${stage}`;
    const count = countOf(weights, new RegExp(`^encoder\\.down_blocks\\.${stage}\\.resnets\\.(\\d+)\\.`));
    return { blocks: Array.from({ length: count }, (_, i) => `${path}.resnets.${i}`), down: `${path}.downsampler` };
  });
}

/** The encoder of 2.1: one list, in which downsampling ends a stage. */
function flatStages(weights: Weights): Stage[] {
  const stages: Stage[] = [{ blocks: [], down: "" }];
  for (let i = 0; i < countOf(weights, /^encoder\.down_blocks\.(\d+)\./); i++) {
    const path = `encoder.down_blocks.${i}`;
    const stage = stages.at(-1) as Stage;
    if (weights.has(`${path}.conv1.weight`)) stage.blocks.push(path);
    else {
      stage.down = path;
      stages.push({ blocks: [], down: "" });
    }
  }
  return stages;
}
