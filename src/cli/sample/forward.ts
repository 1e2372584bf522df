/** One forward of a transformer on tensors from a file. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, DataError, WeightsError } from "../../base/mod.ts";
import { resolveDevice } from "../../train/mod.ts";
import { type Device, type DType, noGrad, type Tensor, tidy } from "../../torch/mod.ts";
import { type Expert, loadTransformer, type TransformerConfig, type TransformerInputs } from "../../wan/mod.ts";
import { SafetensorsFile, saveSafetensors, type Weights } from "../../weights/mod.ts";
import { applyLoras, loraWeights } from "./lora.ts";
import type { LoraUse } from "./lora_use.ts";

/** A transformer of a model folder. */
export interface TransformerChoice {
  readonly folder: string;
  readonly expert: Expert;
}

/**
 * The folder of the transformer that is meant. The rest of the model need not be of a kind that wantune knows.
 * @throws {WeightsError} if it is not there
 * @throws {ConfigError} if there are two and none was named, or one was named and there is only one
 */
export function chooseTransformer(model: string, expert: "high" | "low" | undefined): TransformerChoice {
  const [first, second] = [join(model, "transformer"), join(model, "transformer_2")];
  if (!existsSync(first)) {
    throw new WeightsError(`Cannot run the model ${model}: it has no folder transformer`, {
      cure: "name the folder of a WAN 2.2 model in diffusers layout",
    });
  }
  const hasTwo = existsSync(second);
  if (expert === undefined && hasTwo) {
    throw new ConfigError(`Cannot run the model ${model}: it has two transformers`, {
      cure: "say which one: --expert high or --expert low",
    });
  }
  if (expert !== undefined && !hasTwo) {
    throw new ConfigError(`Cannot run the ${expert}-noise expert of ${model}: it has one transformer`, {
      cure: "leave --expert out",
    });
  }
  return { folder: expert === "low" ? second : first, expert: expert ?? "only" };
}

/** What a forward takes and where its output goes. */
export interface ForwardOptions extends TransformerChoice {
  readonly inputs: string;
  readonly out: string;
  readonly loras: readonly LoraUse[];
  readonly dtype: DType;
  readonly device: string;
}

/**
 * Runs the transformer once and writes `output` [B, out, T, h, w] as float32. Latents and text are cast to the number type
 * of the weights, timesteps are taken as they are.
 * @returns the output's shape
 * @throws {DataError} if the inputs are not there or do not fit the model
 * @throws {WeightsError} {DiskError} as weights or disk are wrong
 */
export function runTransformer(options: ForwardOptions): readonly number[] {
  const { folder, expert, loras, dtype, out } = options;
  const device = resolveDevice(options.device);
  return noGrad(() =>
    tidy(() => {
      const view = (weights: Weights): Weights => loraWeights(weights, { loras, expert });
      const { model } = loadTransformer(folder, { dtype, device, view });
      using _model = model;
      using _loras = applyLoras(model, { loras, expert });
      const inputs = readInputs(options.inputs, { config: model.config, dtype, device });
      const output = model.forward(inputs).float();
      saveSafetensors(out, { output });
      return output.shape;
    })
  );
}

function readInputs(
  path: string,
  options: { config: TransformerConfig; dtype: DType; device: Device },
): TransformerInputs {
  const { config, dtype, device } = options;
  using file = SafetensorsFile.open(path);
  checkShapes(file, config);
  const read = (name: string, as?: DType): Tensor => file.read(name, { dtype: as, device });
  return {
    hiddenStates: read("hidden_states", dtype),
    timestep: read("timestep"),
    encoderHiddenStates: read("encoder_hidden_states", dtype),
  };
}

function checkShapes(file: SafetensorsFile, config: TransformerConfig): void {
  const refuse = (fact: string): DataError =>
    new DataError(`Cannot run the transformer on "${file.path}": ${fact}`, {
      cure: "see `wantune model run --help` for what the file must hold",
    });
  const shapeOf = (name: string): readonly number[] => {
    const shape = file.entries.get(name)?.shape;
    if (shape !== undefined) return shape;
    throw refuse(`it has no tensor ${name}, only ${[...file.entries.keys()].join(", ") || "an empty header"}`);
  };
  const [latents, timestep, text] = ["hidden_states", "timestep", "encoder_hidden_states"].map(shapeOf) as [
    readonly number[],
    readonly number[],
    readonly number[],
  ];
  const { patchSize, inChannels, textDim } = config;
  const [B = 0, C, ...grid] = latents;
  if (latents.length !== 5 || C !== inChannels || B * latents.slice(2).reduce((a, b) => a * b, 1) === 0) {
    throw refuse(`hidden_states is [${latents.join(", ")}], the model takes [B, ${inChannels}, T, h, w]`);
  }
  if (grid.some((size, i) => size % (patchSize[i] ?? 1) !== 0)) {
    throw refuse(`hidden_states is [${latents.join(", ")}], T, h, w must be multiples of ${patchSize.join(", ")}`);
  }
  const tokens = grid.reduce((product, size, i) => product * (size / (patchSize[i] ?? 1)), 1);
  if (timestep[0] !== B || timestep.length > 2 || (timestep.length === 2 && timestep[1] !== tokens)) {
    throw refuse(`timestep is [${timestep.join(", ")}], it must be [${B}] or [${B}, ${tokens}]`);
  }
  if (text.length !== 3 || text[0] !== B || text[2] !== textDim) {
    throw refuse(`encoder_hidden_states is [${text.join(", ")}], it must be [${B}, S, ${textDim}]`);
  }
}
