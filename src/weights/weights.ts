/** What all weights have in common, wherever they lie, and views that change names or types on the way. */

import { WeightsError } from "../base/mod.ts";
import type { DType, Tensor } from "../torch/mod.ts";
import { shown } from "./header.ts";
import type { LoadOptions } from "./regions.ts";

/** A weight of 8-bit floats. */
export interface Stored8 {
  readonly codes: Tensor;
  readonly scales: Tensor;
}

/** Named tensors that can be looked at without loading them. */
export interface Weights extends Disposable {
  /** Names of all tensors. */
  keys(): readonly string[];
  has(key: string): boolean;
  /** @throws {WeightsError} if there is no such tensor */
  shapeOf(key: string): readonly number[];
  /** The type that `load` gives unless told otherwise. @throws {WeightsError} if there is no such tensor */
  dtypeOf(key: string): DType;
  /** A tensor of its own. @throws {WeightsError} if there is no such tensor or its file was changed */
  load(key: string, options?: LoadOptions): Tensor;
  /** A read-only tensor whose memory is the file, where the file has it so. @throws {WeightsError} like `load` */
  mapped(key: string): Tensor;
  /**
   * A float8_e4m3fn weight [out, in] as it is stored: codes [out, in], and float32 scales [out, 1] that they are to be multiplied
   * by. Undefined, or absent, where it is not stored so. @param options.mapped the codes are the file's memory
   */
  stored8?(key: string, options: { mapped: boolean }): Stored8 | undefined;
  /** Asks the system to read a tensor's bytes from its file into memory; returns at once. */
  prefetch(key: string): void;
  /** Lets go of memory that mapping took; everything can be read again. */
  release(): void;
  /** The `__metadata__` of the file, or of all shards together (the first one that has a key wins). */
  readonly metadata: ReadonlyMap<string, string>;
  /** Path, number of tensors, size and types, for messages. */
  describe(): string;
}

/**
 * The same tensors under other names. Owns `weights`.
 * @param names new name → name in `weights`; tensors that are not among them are hidden
 */
export function renamedWeights(weights: Weights, names: ReadonlyMap<string, string>): Weights {
  const stored = (key: string): string => {
    const name = names.get(key);
    if (name !== undefined) return name;
    throw new WeightsError(`Cannot load ${shown(key)}: ${weights.describe()} has no such tensor`);
  };
  return {
    keys: () => [...names.keys()],
    has: (key) => names.has(key),
    shapeOf: (key) => weights.shapeOf(stored(key)),
    dtypeOf: (key) => weights.dtypeOf(stored(key)),
    load: (key, options) => weights.load(stored(key), options),
    mapped: (key) => weights.mapped(stored(key)),
    stored8: (key, options) => weights.stored8?.(stored(key), options),
    prefetch: (key) => weights.prefetch(stored(key)),
    release: () => weights.release(),
    metadata: weights.metadata,
    describe: () => weights.describe(),
    [Symbol.dispose]: () => weights[Symbol.dispose](),
  };
}

/** Tensors in memory as weights; they stay their owner's. @param options.name what to call them in messages */
export function tensorWeights(
  tensors: ReadonlyMap<string, Tensor>,
  options: { name: string; metadata?: ReadonlyMap<string, string> },
): Weights {
  const at = (key: string): Tensor => {
    const tensor = tensors.get(key);
    if (tensor !== undefined) return tensor;
    throw new WeightsError(`Cannot load ${shown(key)}: ${options.name} has no such tensor`);
  };
  return {
    keys: () => [...tensors.keys()],
    has: (key) => tensors.has(key),
    shapeOf: (key) => at(key).shape,
    dtypeOf: (key) => at(key).dtype,
    load: (key, { dtype, device } = {}) => {
      using plain = at(key).detach();
      return plain.to({ copy: true, dtype: dtype ?? plain.dtype, device: device ?? "cpu" });
    },
    mapped: (key) => at(key).detach(),
    prefetch: () => {},
    release: () => {},
    metadata: options.metadata ?? new Map(),
    describe: () => `${options.name} (${tensors.size} tensors)`,
    [Symbol.dispose]: () => {},
  };
}

/** Weights in which some tensors are others'. Owns neither. @param above takes the place of tensors of the same name */
export function overlaidWeights(below: Weights, above: Weights): Weights {
  const from = (key: string): Weights => above.has(key) ? above : below;
  return {
    keys: () => below.keys(),
    has: (key) => below.has(key),
    shapeOf: (key) => from(key).shapeOf(key),
    dtypeOf: (key) => from(key).dtypeOf(key),
    load: (key, options) => from(key).load(key, options),
    mapped: (key) => from(key).mapped(key),
    prefetch: (key) => from(key).prefetch(key),
    release: () => {
      below.release();
      above.release();
    },
    metadata: below.metadata,
    describe: () => below.describe(),
    [Symbol.dispose]: () => {},
  };
}
