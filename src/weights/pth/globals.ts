/**
 * The names that a pickle of weights may use, and what calling them gives. Nothing of Python runs: each call is one of the
 * few below, and every other name ends the reading.
 *
 * Source: pytorch torch/_utils.py, _rebuild_tensor_v2, _rebuild_tensor_v3 and _rebuild_parameter; torch/serialization.py,
 * persistent_load.
 */

import type { WeightDType } from "../dtypes.ts";
import { Known, type PickleValue, StorageRef, TensorRef, Tuple } from "./values.ts";

/** Thrown with the end of a sentence that begins with the file. */
export class PickleTrouble extends Error {}

const STORAGES: Record<string, WeightDType> = {
  "torch.DoubleStorage": "float64",
  "torch.FloatStorage": "float32",
  "torch.HalfStorage": "float16",
  "torch.BFloat16Storage": "bfloat16",
  "torch.LongStorage": "int64",
  "torch.IntStorage": "int32",
  "torch.ShortStorage": "int16",
  "torch.CharStorage": "int8",
  "torch.ByteStorage": "uint8",
  "torch.BoolStorage": "bool",
};
const UNTYPED = ["torch.storage.UntypedStorage", "torch.UntypedStorage"];

const DTYPES: Record<string, WeightDType> = {
  "torch.float64": "float64",
  "torch.float32": "float32",
  "torch.float16": "float16",
  "torch.bfloat16": "bfloat16",
  "torch.float8_e4m3fn": "float8_e4m3fn",
  "torch.float8_e5m2": "float8_e5m2",
  "torch.int64": "int64",
  "torch.int32": "int32",
  "torch.int16": "int16",
  "torch.int8": "int8",
  "torch.uint8": "uint8",
  "torch.bool": "bool",
};

const CALLS: Record<string, (args: readonly PickleValue[]) => PickleValue> = {
  "collections.OrderedDict": orderedDict,
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_tensor_v3": rebuildTypedTensor,
  "torch._utils._rebuild_parameter": ([tensor]) => {
    if (!(tensor instanceof TensorRef)) throw new PickleTrouble("it has a parameter without a tensor");
    return tensor;
  },
  "torch.Size": ([size]) => {
    if (!(size instanceof Tuple)) throw new PickleTrouble("it has a size that is no tuple");
    return size;
  },
};

/** A name that the pickle asks for. @throws {PickleTrouble} for every name that is not known to be harmless */
export function resolveGlobal(name: string): Known {
  const known = Object.hasOwn(CALLS, name) || Object.hasOwn(STORAGES, name) || Object.hasOwn(DTYPES, name) ||
    UNTYPED.includes(name);
  if (known) return new Known(name);
  const text = JSON.stringify(name.slice(0, 100));
  throw new PickleTrouble(`it asks for ${text}, and only tensors and plain containers are read`);
}

/** A call that the pickle makes. @throws {PickleTrouble} if it is none of a weight file */
export function callGlobal(callee: PickleValue, args: PickleValue): PickleValue {
  const call = callee instanceof Known && Object.hasOwn(CALLS, callee.name) ? CALLS[callee.name] : undefined;
  if (call === undefined || !(args instanceof Tuple)) throw new PickleTrouble("it calls something that is no function");
  return call(args.items);
}

/** A storage by what stands for it in the pickle: the word storage, its class, its key, its device, its size. */
export function resolveStorage(id: PickleValue): StorageRef {
  const [word, type, key, , count] = id instanceof Tuple ? id.items : [];
  const isStorage = type instanceof Known && (Object.hasOwn(STORAGES, type.name) || UNTYPED.includes(type.name));
  if (word !== "storage" || !isStorage || typeof key !== "string" || !isCount(count)) {
    throw new PickleTrouble("it refers to something outside that is no storage");
  }
  return new StorageRef({ dtype: STORAGES[type.name], key, count });
}

function orderedDict(args: readonly PickleValue[]): ReadonlyMap<string, PickleValue> {
  const dict = new Map<string, PickleValue>();
  const [items = []] = args;
  if (!Array.isArray(items)) throw new PickleTrouble("it has an OrderedDict of something that is no list");
  for (const item of items as readonly PickleValue[]) {
    const [key, value] = item instanceof Tuple ? item.items : Array.isArray(item) ? item as PickleValue[] : [];
    if (value === undefined) throw new PickleTrouble("it has an OrderedDict whose items are no pairs");
    dict.set(dictKey(key), value);
  }
  return dict;
}

/** A dict's key as text. @throws {PickleTrouble} for a key that is neither text nor a number */
export function dictKey(key: PickleValue | undefined): string {
  if (typeof key === "string") return key;
  if (typeof key === "number" || typeof key === "boolean") return String(key);
  throw new PickleTrouble("it has a dict whose keys are neither text nor numbers");
}

function rebuildTensor([storage, offset, size, stride]: readonly PickleValue[]): TensorRef {
  if (!(storage instanceof StorageRef) || storage.dtype === undefined) {
    throw new PickleTrouble("it has a tensor without a storage");
  }
  return window(storage, { dtype: storage.dtype, offset, size, stride });
}

function rebuildTypedTensor(args: readonly PickleValue[]): TensorRef {
  const [storage, offset, size, stride, , , dtype] = args;
  const type = dtype instanceof Known ? DTYPES[dtype.name] : undefined;
  if (!(storage instanceof StorageRef) || storage.dtype !== undefined || type === undefined) {
    throw new PickleTrouble("it has a tensor without bytes or type");
  }
  return window(storage, { dtype: type, offset, size, stride });
}

function window(
  storage: StorageRef,
  { dtype, offset, size, stride }: {
    dtype: WeightDType;
    offset: PickleValue | undefined;
    size: PickleValue | undefined;
    stride: PickleValue | undefined;
  },
): TensorRef {
  const shape = size instanceof Tuple ? size.items : [], strides = stride instanceof Tuple ? stride.items : undefined;
  if (!isCount(offset) || strides?.length !== shape.length || shape.length > MAX_DIMS) {
    throw new PickleTrouble("it has a tensor whose shape makes no sense");
  }
  if (!shape.every(isCount) || !strides.every(isCount)) {
    throw new PickleTrouble("it has a tensor whose shape makes no sense");
  }
  return new TensorRef({ storage, dtype, offset, shape, strides });
}

const MAX_DIMS = 8;

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
