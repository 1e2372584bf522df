/** Fresh tensors: from JavaScript values, constants, ranges and random numbers. */
import { check, type GeneratorHandle } from "./call.ts";
import { type Device, deviceCode } from "./device.ts";
import { type DType, dtypeCode } from "./dtype.ts";
import * as ops from "./gen/ops.ts";
import { native } from "./library.ts";
import { type Tensor, wrap } from "./tensor.ts";

/** Type and place of a fresh tensor: float32 on the host unless said otherwise. */
export interface TensorOptions {
  readonly dtype?: DType;
  readonly device?: Device;
}

const code = (options: TensorOptions): number => dtypeCode(options.dtype ?? "float32");
const place = (options: TensorOptions): { type: number; index: number } => deviceCode(options.device ?? "cpu");

/** A tensor from bytes in row-major order. @throws {TorchError} if their number does not fit the shape */
export function fromBytes(bytes: Uint8Array, options: TensorOptions & { shape: readonly number[] }): Tensor {
  const host = empty(options.shape, { dtype: options.dtype ?? "uint8" });
  const source = bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : new Uint8Array(bytes);
  check(native().symbols.wt_bytes_in(host.handle, source, bytes.length));
  if (options.device === undefined || options.device === "cpu") return host;
  const there = host.to({ device: options.device, nonBlocking: true });
  host[Symbol.dispose]();
  return there;
}

/**
 * A tensor from numbers. The shape is that of a flat list unless given.
 * @param values any list of numbers; big integers for int64 beyond 2^53
 */
export function tensor(
  values: ArrayLike<number> | ArrayLike<bigint>,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  const dtype = options.dtype ?? "float32";
  const shape = options.shape ?? [values.length];
  const bytesOf = (array: Float32Array | Float64Array | BigInt64Array): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const device = options.device === undefined ? {} : { device: options.device };
  if (dtype === "float32") {
    const data = values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
    return fromBytes(bytesOf(data), { shape, dtype, ...device });
  }
  if (dtype === "int64") {
    const data = BigInt64Array.from(Array.from(values as ArrayLike<number | bigint>, BigInt));
    return fromBytes(bytesOf(data), { shape, dtype, ...device });
  }
  const wide = fromBytes(bytesOf(Float64Array.from(values as ArrayLike<number>)), { shape, dtype: "float64" });
  const narrow = wide.to({ dtype, ...device, nonBlocking: true });
  wide[Symbol.dispose]();
  return narrow;
}

/** Uninitialised; `pinned` host memory can be copied to and from a card while the host goes on. */
export function empty(shape: readonly number[], options: TensorOptions & { pinned?: boolean } = {}): Tensor {
  return wrap(ops.empty_memory_format(shape, code(options), undefined, place(options), options.pinned));
}

export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return wrap(ops.zeros(shape, code(options), undefined, place(options)));
}

export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return wrap(ops.ones(shape, code(options), undefined, place(options)));
}

export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  return wrap(ops.full(shape, value, code(options), undefined, place(options)));
}

export function zerosLike(x: Tensor): Tensor {
  return wrap(ops.zeros_like(x.handle));
}

export function onesLike(x: Tensor): Tensor {
  return wrap(ops.ones_like(x.handle));
}

/** start, start + step, … below end. */
export function arange(
  end: number,
  options: TensorOptions & { start?: number; step?: number } = {},
): Tensor {
  return wrap(
    ops.arange_start_step(options.start ?? 0, end, options.step ?? 1, code(options), undefined, place(options)),
  );
}

/** A random number generator of libtorch's: the same seed gives the same numbers as `torch.Generator`. */
export class Generator implements Disposable {
  readonly device: Device;
  #handle: number;

  private constructor(handle: number, device: Device) {
    this.#handle = handle;
    this.device = device;
  }

  /** A generator seeded with 0 ≤ seed < 2^64. */
  static seeded(seed: number | bigint, device: Device = "cpu"): Generator {
    const bits = BigInt.asUintN(64, BigInt(seed));
    const { type, index } = deviceCode(device);
    const handle = native().symbols.wt_generator(type, index, Number(bits >> 32n), Number(bits & 0xffffffffn));
    return new Generator(check(handle), device);
  }

  get handle(): GeneratorHandle {
    return this.#handle as GeneratorHandle;
  }

  [Symbol.dispose](): void {
    if (this.#handle === 0) return;
    check(native().symbols.wt_generator_free(this.#handle));
    this.#handle = 0;
  }
}

/** How random tensors are drawn; every draw names its generator, so that nothing depends on hidden state. */
export interface RandomOptions extends TensorOptions {
  readonly generator: Generator;
}

const drawn = (options: RandomOptions): RandomOptions => ({ device: options.generator.device, ...options });

/** Standard normal. */
export function randn(shape: readonly number[], options: RandomOptions): Tensor {
  const o = drawn(options);
  return wrap(ops.randn_generator(shape, o.generator.handle, code(o), undefined, place(o)));
}

/** Uniform in [0, 1). */
export function rand(shape: readonly number[], options: RandomOptions): Tensor {
  const o = drawn(options);
  return wrap(ops.rand_generator(shape, o.generator.handle, code(o), undefined, place(o)));
}

/** Whole numbers in [0, high), int64 unless said otherwise. */
export function randint(high: number, shape: readonly number[], options: RandomOptions): Tensor {
  const o = { dtype: "int64" as const, ...drawn(options) };
  return wrap(ops.randint_low_generator(0, high, shape, o.generator.handle, code(o), undefined, place(o)));
}

/** A permutation of 0 … n−1, int64. */
export function randperm(n: number, options: RandomOptions): Tensor {
  const o = { dtype: "int64" as const, ...drawn(options) };
  return wrap(ops.randperm_generator(n, o.generator.handle, code(o), undefined, place(o)));
}
