/** `wantune model info`: what a model is, what of it is there, and what it takes. */

import { existsSync } from "node:fs";
import { type Command } from "@commander-js/extra-typings";
import { formatBytes } from "../../base/mod.ts";
import { oneLine, printLine } from "../output.ts";
import { nonEmpty } from "../sample/options.ts";
import { columns } from "../table.ts";
import { variantCalled } from "./init.ts";
import type { MemoryEstimate, ModelInventory, PartInventory, TransformerConfig, Variant } from "../../wan/mod.ts";

/** Adds the command. */
export function registerInfo(model: Command): void {
  model.command("info")
    .description("Show a model's folder, or a published variant: parts, sizes, types, and memory as estimated.")
    .argument("<model>", "a folder, or a variant such as wan2.2-ti2v-5b", nonEmpty)
    .option("--json", "print one JSON object")
    .action((name, options) => existsSync(name) ? showFolder(name, options) : showVariant(name, options));
}

interface InfoCommand {
  readonly json?: true;
}

/** What the transformer's work takes, by type. */
interface Memory {
  readonly width: number;
  readonly height: number;
  readonly numFrames: number;
  readonly bfloat16: MemoryEstimate;
  readonly float32: MemoryEstimate;
}

async function showFolder(path: string, options: InfoCommand): Promise<void> {
  const { takeInventory } = await import("../../wan/mod.ts");
  const { originOf } = await import("../../hub/mod.ts");
  const found = takeInventory(path);
  const { variant, transformer, strides } = found;
  const origin = originOf(path);
  const memory = variant && transformer && strides && await memoryOf(variant, transformer, strides);
  if (options.json) {
    const { variant: _variant, transformer: _transformer, strides: _strides, ...rest } = found;
    return printLine(JSON.stringify({ ...rest, variant: variant?.name ?? null, origin: origin ?? null, memory }));
  }
  printLine(`${path}: ${titleOf(found)}`);
  if (origin !== undefined) printLine(`fetched from ${origin.repo} at ${origin.commit.slice(0, 12)}`);
  printLine();
  for (const line of columns([["part", "state", "parameters", "tensors", "size", "types"], ...found.parts.map(row)])) {
    printLine(line);
  }
  const problems = [...found.parts.map(({ problem }) => problem), found.problem].filter((text) => text !== undefined);
  if (problems.length > 0) printLine();
  for (const problem of new Set(problems)) printLine(`problem: ${oneLine(problem)}`);
  if (memory !== undefined) showMemory(memory);
}

function titleOf({ variant, isPublishedSize, parts }: ModelInventory): string {
  const missing = parts.filter(({ state }) => state !== "present").map(({ name }) => name);
  if (variant === undefined) return missing.length > 0 ? `not whole (${missing.join(", ")})` : "no known variant";
  return `${variant.title}, ${isPublishedSize ? "published size" : "of another size than the published one"}`;
}

function row({ name, state, numParameters, numTensors, bytes, dtypes = [] }: PartInventory): string[] {
  const [first, ...others] = dtypes;
  const types = first === undefined ? [] : [
    first.dtype,
    ...others.map(({ dtype, share }) => `${dtype} ${share < 0.001 ? "< 0.1" : (100 * share).toFixed(1)} %`),
  ];
  return [
    name,
    state,
    numParameters?.toLocaleString("en-US") ?? "",
    String(numTensors ?? ""),
    bytes === undefined ? "" : formatBytes(bytes),
    types.join(", "),
  ];
}

async function showVariant(name: string, options: InfoCommand): Promise<void> {
  const wan = await import("../../wan/mod.ts");
  const variant = await variantCalled(name);
  const sizes = wan.publishedSizes(variant);
  const count = (shapes: ReadonlyMap<string, readonly number[]>): { numParameters: number; numTensors: number } => ({
    numParameters: [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0),
    numTensors: shapes.size,
  });
  const transformer = count(wan.transformerShapes(sizes.transformer));
  const parts = [
    { name: "transformer", ...transformer },
    ...(variant.experts === 2 ? [{ name: "transformer_2", ...transformer }] : []),
    { name: "vae", ...count(wan.vaeShapes(sizes.vae)) },
    { name: "text_encoder", ...count(wan.umt5Shapes(sizes.textEncoder)) },
  ];
  const memory = await memoryOf(variant, sizes.transformer, variant.vae);
  if (options.json) {
    const { name, title, experts, boundary, image, inference } = variant;
    return printLine(JSON.stringify({ name, title, experts, boundary, image, inference, parts, memory }));
  }
  printLine(`${variant.title} (${variant.name})`);
  printLine();
  const rows = parts.map(({ name, numParameters, numTensors }) => [
    name,
    numParameters.toLocaleString("en-US"),
    String(numTensors),
    formatBytes(2 * numParameters),
    formatBytes(4 * numParameters),
  ]);
  for (const line of columns([["part", "parameters", "tensors", "bfloat16", "float32"], ...rows])) printLine(line);
  const { sizes: videos, numFrames, fps, steps, guidanceScale, lowNoiseGuidanceScale, shift } = variant.inference;
  const guidance = lowNoiseGuidanceScale === undefined
    ? guidanceScale
    : `${guidanceScale} and ${lowNoiseGuidanceScale}`;
  printLine();
  printLine(
    `made for ${
      videos.map(([width, height]) => `${width}x${height}`).join(", ")
    }; ${numFrames} frames at ${fps} fps, ` +
      `${steps} steps, guidance ${guidance}, shift ${shift}`,
  );
  showMemory(memory);
}

/** At the first size that a variant is made for. */
async function memoryOf(
  variant: Variant,
  config: TransformerConfig,
  strides: { spatialStride: number; temporalStride: number },
): Promise<Memory> {
  const { estimateMemory } = await import("../../wan/mod.ts");
  const [[width, height] = [832, 480]] = variant.inference.sizes;
  const size = { width, height, numFrames: variant.inference.numFrames };
  const estimate = (elementBytes: 2 | 4): MemoryEstimate => estimateMemory(config, { size, strides, elementBytes });
  return { ...size, bfloat16: estimate(2), float32: estimate(4) };
}

function showMemory({ width, height, numFrames, bfloat16, float32 }: Memory): void {
  const lines: [string, keyof MemoryEstimate][] = [
    ["one transformer's weights", "weights"],
    ["sampling", "sample"],
    ["training a LoRA of rank 32", "trainLora"],
    ["training all weights", "trainAll"],
  ];
  printLine();
  printLine(`memory for one transformer and one video of ${width}x${height} with ${numFrames} frames, estimated:`);
  const rows = lines.map(([title, key]) => [title, formatBytes(bfloat16[key]), formatBytes(float32[key])]);
  for (const line of columns([["", "bfloat16", "float32"], ...rows])) printLine(line);
}
