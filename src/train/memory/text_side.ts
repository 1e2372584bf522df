/** What the text side of a run takes, from blanks: the encoder by itself, and in each step where something is trained on it. */
import type { RunConfig, SettledConfig } from "../../config/mod.ts";
import { type Device } from "../../torch/mod.ts";
import type { ModelSource } from "../../wan/mod.ts";
import { trainAdapters } from "../methods/adapters.ts";
import { textEncoderPlan } from "../methods/text_encoder.ts";
import { trainsText } from "../text_side.ts";
import { blankTextEncoder } from "./blank.ts";
import { measureText, type TextCosts } from "./encoders.ts";

/** The text side in figures. */
export interface TextForecast {
  readonly costs: TextCosts;
  /** Bytes of the encoder where it stays, as something is trained on it; else 0. */
  readonly standingBytes: number;
  /** Bytes, and seconds, that encoding the captions adds to a micro-step. */
  readonly stepBytes: number;
  readonly stepSeconds: number;
  /** Shapes of what is trained on it, by name. */
  readonly params: ReadonlyMap<string, readonly number[]>;
}

/** Measures the text side. */
export function forecastText(
  config: SettledConfig,
  { models, numTokens, device }: { models: ModelSource; numTokens: number; device: Device },
): TextForecast {
  const trains = trainsText(config), { batchSize } = config.train;
  const costs = measureText(models, { numTokens, device, dtype: models.textEncoderDtype, trains });
  if (!trains) return { costs, standingBytes: 0, stepBytes: 0, stepSeconds: 0, params: new Map() };
  return {
    costs,
    standingBytes: costs.weights,
    stepBytes: batchSize * costs.graph + costs.backward,
    stepSeconds: 3 * batchSize * costs.seconds, // the backward pass takes twice as long as the forward pass
    params: trainedShapes(config, { models, device }),
  };
}

/** Shapes of what a config trains on the text side, by name. @throws {ConfigError} if a pattern matches no layer */
export function trainedShapes(
  { method, train: { seed } }: RunConfig,
  { models, device }: { models: ModelSource; device: Device },
): ReadonlyMap<string, readonly number[]> {
  if (method.kind === "full") return new Map();
  if (method.kind === "embedding") {
    return new Map([[`embedding.${method.token}`, [method.vectors, models.textEncoderConfig.width]]]);
  }
  const plan = textEncoderPlan(method, seed);
  if (plan === undefined) return new Map();
  const { numLayers } = models.textEncoderConfig;
  using encoder = blankTextEncoder(models, { numLayers, dtype: models.textEncoderDtype, device });
  using adapters = trainAdapters(encoder.linears, plan);
  return new Map([...adapters.params].map(([name, { shape }]) => [`text_encoder.${name}`, shape]));
}
