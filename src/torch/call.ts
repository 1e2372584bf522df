/**
 * The way of a call: argument words in, a handle or result words out. The generated wrappers are made of these pieces;
 * each `put…` writes at a position of the argument buffer and returns the next one.
 */
import { OutOfMemory, TorchError } from "../base/mod.ts";
import { dtypeOf } from "./dtype.ts";
import { native, opened, readText, schemaOf, writeText } from "./library.ts";

declare const handleBrand: unique symbol;
/** A native tensor handle; never zero. */
export type Handle = number & { readonly [handleBrand]: true };
declare const generatorBrand: unique symbol;
/** A native random generator handle. */
export type GeneratorHandle = number & { readonly [generatorBrand]: true };

/** The tags of `WtTag` in ffi/shim.h. */
const NONE = 0, TENSOR = 1, INT = 2, FLOAT = 3, BOOL = 4, STRING = 5, INTS = 6, FLOATS = 7;
const TENSORS = 8, OPTIONAL_TENSORS = 9, DEVICE = 10, GENERATOR = 11, BOOLS = 12, DEFAULT = 13, SCALARS = 14;

const OUT_OF_MEMORY = -2;

function words(): Float64Array {
  return (opened ?? native()).words;
}

export function putTensor(at: number, handle: Handle | undefined): number {
  const w = words();
  if (handle === undefined) {
    w[at] = NONE;
    return at + 1;
  }
  w[at] = TENSOR;
  w[at + 1] = handle;
  return at + 2;
}

function putTagged(at: number, tag: number, value: number): number {
  const w = words();
  w[at] = tag;
  w[at + 1] = value;
  return at + 2;
}

function putDefault(at: number): number {
  words()[at] = DEFAULT;
  return at + 1;
}

export function putInt(at: number, value: number | undefined): number {
  return value === undefined ? putDefault(at) : putTagged(at, INT, value);
}

export function putFloat(at: number, value: number | undefined): number {
  return value === undefined ? putDefault(at) : putTagged(at, FLOAT, value);
}

export function putBool(at: number, value: boolean | undefined): number {
  return value === undefined ? putDefault(at) : putTagged(at, BOOL, value ? 1 : 0);
}

/** A number whose kind decides: whole numbers travel as integers, so that integer tensors keep their type. */
export function putScalar(at: number, value: number | undefined): number {
  if (value === undefined) return putDefault(at);
  return putTagged(at, Number.isSafeInteger(value) ? INT : FLOAT, value);
}

/** Strings lie at the start of the text buffer: no operator bound here takes two. */
export function putString(at: number, value: string | undefined): number {
  if (value === undefined) return putDefault(at);
  const w = words();
  w[at] = STRING;
  w[at + 1] = 0;
  w[at + 2] = writeText(native(), value);
  return at + 3;
}

function putList(at: number, tag: number, values: ArrayLike<number>): number {
  const w = words();
  const n = values.length;
  if (at + 2 + n > w.length) throw new RangeError(`a list of ${n} values is too long for one call`);
  w[at] = tag;
  w[at + 1] = n;
  for (let i = 0; i < n; i++) w[at + 2 + i] = values[i] as number;
  return at + 2 + n;
}

export function putInts(at: number, values: readonly number[] | undefined): number {
  return values === undefined ? putDefault(at) : putList(at, INTS, values);
}

export function putFloats(at: number, values: readonly number[] | undefined): number {
  return values === undefined ? putDefault(at) : putList(at, FLOATS, values);
}

export function putScalars(at: number, values: readonly number[] | undefined): number {
  return values === undefined ? putDefault(at) : putList(at, SCALARS, values);
}

export function putBools(at: number, values: readonly boolean[] | undefined): number {
  return values === undefined ? putDefault(at) : putList(at, BOOLS, values.map(Number));
}

export function putTensors(at: number, handles: readonly Handle[]): number {
  return putList(at, TENSORS, handles);
}

export function putOptionalTensors(at: number, handles: readonly (Handle | undefined)[]): number {
  return putList(at, OPTIONAL_TENSORS, handles.map((handle) => handle ?? 0));
}

export function putDevice(at: number, device: { type: number; index: number } | undefined): number {
  if (device === undefined) return putDefault(at);
  const w = words();
  w[at] = DEVICE;
  w[at + 1] = device.type;
  w[at + 2] = device.index;
  return at + 3;
}

export function putGenerator(at: number, generator: GeneratorHandle | undefined): number {
  if (generator !== undefined) return putTagged(at, GENERATOR, generator);
  words()[at] = NONE;
  return at + 1;
}

/** Calls an operator that returns one tensor. */
export function callOne(op: number, nargs: number): Handle {
  const handle = (opened as NonNullable<typeof opened>).symbols.wt_call(op, nargs);
  if (handle <= 0) throw handle < 0 ? callError(handle, op, nargs) : new TorchError("the operator returned no tensor");
  return handle as Handle;
}

/** Calls an operator whose results are not wanted, in-place ones above all. */
export function callVoid(op: number, nargs: number): void {
  const code = native().symbols.wt_call_void(op, nargs);
  if (code < 0) throw callError(code, op, nargs);
}

/** Calls an operator that returns a list or a tuple of tensors; undefined ones are left out. */
export function callMany(op: number, nargs: number): Handle[] {
  const library = native();
  const code = library.symbols.wt_call(op, nargs);
  if (code < 0) throw callError(code, op, nargs);
  if (code > 0) return [code as Handle];
  const { results } = library;
  const handles: Handle[] = [];
  let at = 1;
  for (let left = results[0] as number; left > 0; left--) {
    const tag = results[at++];
    const n = tag === TENSORS ? results[at++] as number : 1;
    for (let i = 0; i < n; i++) {
      const handle = results[at++] as Handle;
      if (handle !== 0) handles.push(handle);
    }
  }
  return handles;
}

/** Calls an operator that returns a plain number or truth value. */
export function callValue(op: number, nargs: number): number {
  const library = native();
  const code = library.symbols.wt_call(op, nargs);
  if (code < 0) throw callError(code, op, nargs);
  return library.results[2] as number;
}

/** Turns a negative return value of the shim into an exception. */
export function check(code: number): number {
  if (code < 0) throw shimError(code);
  return code;
}

/** The exception for a return value below zero. */
export function shimError(code: number, context = ""): TorchError | OutOfMemory {
  const text = readText(native()).trim().split("\n")[0] ?? "";
  const message = context === "" ? text : `${context}: ${text}`;
  return failure(code, { message, outOfMemory: `Out of memory: ${message}` });
}

function callError(code: number, op: number, nargs: number): TorchError | OutOfMemory {
  const told = readText(native());
  const values = describeArguments(nargs);
  const schema = schemaOf(native(), op);
  writeText(native(), told.slice(0, 4096));
  const text = told.trim().split("\n")[0] ?? "";
  const message = `${schema.slice(0, schema.indexOf("("))}(${values}): ${text}`;
  return failure(code, { message, outOfMemory: `Out of memory in ${message}` });
}

/** What libtorch refused, with a cure where one is known. */
function failure(
  code: number,
  { message, outOfMemory }: { message: string; outOfMemory: string },
): TorchError | OutOfMemory {
  if (code === OUT_OF_MEMORY) {
    return new OutOfMemory(outOfMemory, {
      cure: "Use a smaller resolution, fewer frames or batchSize 1, or set memory.plan to auto.",
    });
  }
  // `setDeterministic`, and an operator that has no such form.
  if (message.includes("deterministic implementation")) {
    return new TorchError(message, { cure: "Set train.deterministic to false." });
  }
  return new TorchError(message);
}

/** What the words of a failed call meant: types and shapes of its tensors, plain values of the rest. */
function describeArguments(nargs: number): string {
  const library = native();
  const w = library.words;
  const tensorAt = (handle: number): string => {
    const ndim = handle === 0 ? -1 : library.symbols.wt_meta(handle);
    if (ndim < 0) return handle === 0 ? "none" : "a freed tensor";
    return `${dtypeOf(library.results[0] as number)} [${[...library.results.subarray(5, 5 + ndim)].join(", ")}]`;
  };
  const parts: string[] = [];
  let at = 0;
  for (let i = 0; i < nargs; i++) {
    const tag = w[at++];
    if (tag === NONE) parts.push("none");
    else if (tag === DEFAULT) parts.push("default");
    else if (tag === TENSOR) parts.push(tensorAt(w[at++] as number));
    else if (tag === INT || tag === FLOAT || tag === BOOL || tag === GENERATOR) parts.push(String(w[at++]));
    else if (tag === STRING || tag === DEVICE) at += 2;
    else {
      const n = w[at++] as number;
      const values = [...w.subarray(at, at + Math.min(n, 4))];
      const shown = tag === TENSORS || tag === OPTIONAL_TENSORS ? values.map(tensorAt) : values.map(String);
      parts.push(`[${shown.join(", ")}${n > 4 ? `, … ${n} in all` : ""}]`);
      at += n;
    }
  }
  return parts.join(", ");
}
