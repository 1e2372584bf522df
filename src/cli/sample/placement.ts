/** Where the weights are while videos are made: in memory where they fit beside the work, else in their files. */
import { formatBytes } from "../../base/mod.ts";
import type { WeightPlace } from "../../nn/mod.ts";
import { resolveDevice, resolveDtype } from "../../train/mod.ts";
import { type Device, deviceMemory, type DType, dtypeSize } from "../../torch/mod.ts";
import { estimateMemory, type ModelSource, type VideoSize } from "../../wan/mod.ts";
import type { BlockChoice } from "./options.ts";

/** What became of it. */
export interface Placement {
  readonly device: Device;
  readonly dtype: DType;
  readonly blocks: WeightPlace;
  /** Whether two experts stay in memory once loaded. */
  readonly keepBoth: boolean;
  /** Whether the text encoder is the memory of its file. */
  readonly mapsText: boolean;
  /** `the transformer's blocks stay in their file: 28.6 GiB of weights, 12.1 GiB of memory free` */
  readonly text: string;
}

const WORDS: Record<WeightPlace, string> = {
  resident: "stay in memory",
  streamed: "come from the host's memory",
  mapped: "stay in their file",
};

/** Share of the free memory that may be planned with: the estimate is good to a third or so. */
const SHARE = 0.75;

/**
 * Decides by what is free, on the host and on the card.
 * @param options.sizes of the videos
 * @param options.freeBytes of the host; as it is now if absent
 */
export function placeWeights(
  models: ModelSource,
  options: {
    blocks: BlockChoice;
    sizes: readonly VideoSize[];
    device: string;
    dtype: "auto" | "float32" | "bfloat16";
    freeBytes?: number;
  },
): Placement {
  const { blocks: choice, sizes, freeBytes = Deno.systemMemoryInfo().available } = options;
  const device = resolveDevice(options.device), dtype = resolveDtype(options.dtype, device);
  const estimates = sizes.map((size) =>
    estimateMemory(models.transformerConfig, { size, strides: models, elementBytes: dtype === "float32" ? 4 : 2 })
  );
  const weights = Math.max(0, ...estimates.map((estimate) => estimate.weights));
  const work = Math.max(0, ...estimates.map((estimate) => estimate.sample - estimate.weights)) + vaeBytes(models);
  const onHost = device === "cpu";
  const freeOnCard = onHost ? undefined : deviceMemory(device).free ?? Infinity;
  const { blocks, keepBoth } = placeBlocks({ choice, weights, work, freeOnHost: freeBytes, freeOnCard });
  const where = onHost ? "memory free" : `memory free, ${formatBytes(freeOnCard ?? 0)} on the card`;
  return {
    ...{ device, dtype, blocks, keepBoth },
    mapsText: onHost && (blocks !== "resident" || textBytes(models) > SHARE * freeBytes),
    text: `the transformer's blocks ${WORDS[blocks]}: ${formatBytes(weights)} of weights, ` +
      `${formatBytes(freeBytes)} of ${where}`,
  };
}

/**
 * Where blocks go, and whether both of two experts stay where they are.
 * @param facts bytes: of one expert's weights, of the work beside them, and what is free; `freeOnCard` is absent on the host
 */
export function placeBlocks(
  { choice, weights, work, freeOnHost, freeOnCard }: {
    choice: BlockChoice;
    weights: number;
    work: number;
    freeOnHost: number;
    freeOnCard?: number | undefined;
  },
): Pick<Placement, "blocks" | "keepBoth"> {
  const [host, device] = [SHARE * freeOnHost, SHARE * (freeOnCard ?? freeOnHost)];
  const away = freeOnCard !== undefined && weights <= host ? "streamed" : "mapped";
  const blocks = choice !== "auto" ? choice : weights + work <= device ? "resident" : away;
  const both = { resident: Number.isFinite(device) && 2 * weights + work <= device, streamed: 2 * weights <= host };
  return { blocks, keepBoth: blocks === "mapped" || both[blocks] };
}

function vaeBytes(models: ModelSource): number {
  return 4 * numbersIn(models.shapesOf("vae"));
}

function textBytes(models: ModelSource): number {
  using weights = models.openWeights("text_encoder");
  return weights.keys().reduce((sum, key) => sum + dtypeSize(weights.dtypeOf(key)) * count(weights.shapeOf(key)), 0);
}

function numbersIn(shapes: ReadonlyMap<string, readonly number[]>): number {
  return [...shapes.values()].reduce((sum, shape) => sum + count(shape), 0);
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
