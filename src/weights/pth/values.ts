/** What a pickle of weights may hold: plain containers and tensors. */

import type { WeightDType } from "../dtypes.ts";

/** Anything that the unpickler makes. Dicts are maps, lists are arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | readonly PickleValue[]
  | ReadonlyMap<string, PickleValue>
  | Tuple
  | Known
  | StorageRef
  | TensorRef;

/** A fixed sequence. */
export class Tuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A name of Python's that is allowed, as `module.name`. */
export class Known {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** The bytes behind tensors: an entry of the archive. */
export class StorageRef {
  /** Undefined for bytes without a type. */
  readonly dtype: WeightDType | undefined;
  readonly key: string;
  /** Elements, or bytes without a type. */
  readonly count: number;

  constructor(options: { dtype: WeightDType | undefined; key: string; count: number }) {
    this.dtype = options.dtype;
    this.key = options.key;
    this.count = options.count;
  }
}

/** A tensor: a window on a storage. Offset and strides count elements. */
export class TensorRef {
  readonly storage: StorageRef;
  readonly dtype: WeightDType;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(
    options: {
      storage: StorageRef;
      dtype: WeightDType;
      offset: number;
      shape: readonly number[];
      strides: readonly number[];
    },
  ) {
    this.storage = options.storage;
    this.dtype = options.dtype;
    this.offset = options.offset;
    this.shape = options.shape;
    this.strides = options.strides;
  }
}
