/**
 * A libtorch tensor. Every method returns a fresh handle and frees none of its arguments; in-place methods end in an
 * underscore and return nothing. Shapes, broadcasting and types follow libtorch.
 */
import { check, type Handle, shimError } from "./call.ts";
import { type Device, deviceCode, deviceName } from "./device.ts";
import { type DType, dtypeCode, dtypeOf, dtypeSize } from "./dtype.ts";
import * as ops from "./gen/ops.ts";
import { native } from "./library.ts";
import { free, track } from "./scope.ts";

interface Meta {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly device: Device;
  readonly contiguous: boolean;
}

/** Takes ownership of a native handle. */
export function wrap(handle: Handle): Tensor {
  return new Tensor(handle);
}

/** Takes ownership of several native handles. */
export function wrapAll(handles: readonly Handle[]): Tensor[] {
  return handles.map(wrap);
}

export class Tensor implements Disposable {
  /** The native handle; 0 once freed. Only this folder uses it. */
  handle: Handle;
  #meta: Meta | undefined;

  constructor(handle: Handle) {
    this.handle = handle;
    track(this);
  }

  /** Frees the tensor. Freeing one that is part of a graph is safe: the graph keeps its own reference. Idempotent. */
  [Symbol.dispose](): void {
    if (this.handle === 0) return;
    const handle = this.handle;
    this.handle = 0 as Handle;
    free(handle);
  }

  get isFreed(): boolean {
    return this.handle === 0;
  }

  // A tensor whose elements come and go: whoever holds it keeps it, and its shape, type and device stay known.

  /** A tensor whose elements are not here yet. */
  static away(meta: { shape: readonly number[]; dtype: DType; device: Device }): Tensor {
    const tensor = new Tensor(0 as Handle);
    tensor.#meta = { ...meta, contiguous: true };
    return tensor;
  }

  /**
   * Takes over the elements of another tensor, which is freed by that.
   * @throws {TypeError} if this tensor has elements, or is of another shape, type or device
   */
  arrive(elements: Tensor): void {
    const { shape, dtype, device } = this.#read();
    const fits = this.handle === 0 && dtype === elements.dtype && sameDevice(device, elements.device) &&
      shape.length === elements.ndim && shape.every((size, i) => size === elements.shape[i]);
    if (!fits) {
      const text = (x: Tensor): string => `${x.dtype} [${x.shape.join(", ")}] on ${x.device}`;
      throw new TypeError(`${text(elements)} cannot become ${text(this)}${this.handle === 0 ? "" : ", which is here"}`);
    }
    this.handle = elements.handle;
    elements.handle = 0 as Handle;
  }

  /** Lets the elements go. */
  depart(): void {
    this.#read();
    this[Symbol.dispose]();
  }

  // What it is.

  #read(): Meta {
    if (this.#meta !== undefined) return this.#meta;
    const { symbols, results } = native();
    const ndim = symbols.wt_meta(this.handle);
    if (ndim < 0) throw shimError(ndim);
    const shape: number[] = [];
    for (let i = 0; i < ndim; i++) shape.push(results[5 + i] as number);
    this.#meta = {
      shape,
      dtype: dtypeOf(results[0] as number),
      device: deviceName(results[1] as number, results[2] as number),
      contiguous: results[4] === 1,
    };
    return this.#meta;
  }

  get shape(): readonly number[] {
    return this.#read().shape;
  }
  get dtype(): DType {
    return this.#read().dtype;
  }
  get device(): Device {
    return this.#read().device;
  }
  get isContiguous(): boolean {
    return this.#read().contiguous;
  }
  get ndim(): number {
    return this.shape.length;
  }
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  /** Bytes of the elements. */
  get numBytes(): number {
    return this.numel * dtypeSize(this.dtype);
  }
  /** The size of one dimension; negative counts from the end. @throws {RangeError} if there is no such dimension */
  size(dim: number): number {
    const size = this.shape.at(dim);
    if (size === undefined) {
      throw new RangeError(`a tensor of shape [${this.shape.join(", ")}] has no dimension ${dim}`);
    }
    return size;
  }
  /** Whether it is contiguous and nobody else, on either side of the boundary, has its elements. */
  get isSole(): boolean {
    return check(native().symbols.wt_sole(this.handle)) === 1;
  }
  get requiresGrad(): boolean {
    const { symbols, results } = native();
    check(symbols.wt_meta(this.handle));
    return results[3] === 1;
  }
  /** Whether gradients with respect to this leaf are wanted. */
  setRequiresGrad(on: boolean): void {
    check(native().symbols.wt_requires_grad(this.handle, on ? 1 : 0));
  }

  // Values on the JavaScript side. These wait for the device.

  /** The only element. */
  item(): number {
    const { symbols, results } = native();
    check(symbols.wt_item(this.handle));
    return results[0] as number;
  }
  /** The elements' bytes in row-major order, copied. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.numBytes);
    using host = this.#hostContiguous();
    check(native().symbols.wt_bytes_out(host.handle, bytes, bytes.length));
    return bytes;
  }
  /** The elements as float32, copied. */
  toFloat32Array(): Float32Array<ArrayBuffer> {
    using values = this.to({ dtype: "float32" });
    return new Float32Array(values.toBytes().buffer);
  }
  /** The elements as numbers, by way of float64: exact for every type up to 2^53. */
  toNumbers(): number[] {
    using values = this.to({ dtype: "float64" });
    return [...new Float64Array(values.toBytes().buffer)];
  }
  /** Calls `use` with a view, not a copy, of a contiguous host tensor's bytes; the view must not outlive the call. */
  withBytes<T>(use: (bytes: Uint8Array) => T): T {
    using host = this.#hostContiguous();
    const pointer = host.numBytes === 0 ? null : native().symbols.wt_data(host.handle);
    if (pointer === null) return use(new Uint8Array(0));
    return use(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, host.numBytes)));
  }
  #hostContiguous(): Tensor {
    const host = this.device === "cpu" ? wrap(ops.alias(this.handle)) : this.to({ device: "cpu" });
    if (host.isContiguous) return host;
    const packed = host.contiguous();
    host[Symbol.dispose]();
    return packed;
  }

  // Types and places.

  /**
   * This tensor in another type or on another device; an alias if it is that already, unless `copy`. With `nonBlocking` the
   * host does not wait for what a card was given before. Host memory that is not pinned is read before this returns, and may be
   * freed; a copy to the host is there only after `synchronize`.
   */
  to(options: { dtype?: DType; device?: Device; copy?: boolean; nonBlocking?: boolean }): Tensor {
    const { dtype, device, copy } = options;
    const there = device === undefined || sameDevice(this.device, device);
    if (!copy && there && (dtype === undefined || dtype === this.dtype)) return wrap(ops.alias(this.handle));
    return wrap(ops._to_copy(
      this.handle,
      dtype === undefined ? undefined : dtypeCode(dtype),
      undefined,
      device === undefined ? undefined : deviceCode(device),
      undefined,
      options.nonBlocking,
    ));
  }
  float(): Tensor {
    return this.to({ dtype: "float32" });
  }
  /** This tensor itself if it has the type, else a new one: for use within a scope, never to be disposed of alone. */
  inType(dtype: DType): Tensor {
    return this.dtype === dtype ? this : this.to({ dtype });
  }
  clone(): Tensor {
    return wrap(ops.clone(this.handle));
  }
  detach(): Tensor {
    return wrap(ops.detach(this.handle));
  }
  /** Another handle of the same tensor. */
  alias(): Tensor {
    return wrap(ops.alias(this.handle));
  }
  contiguous(): Tensor {
    return wrap(ops.contiguous(this.handle));
  }
  /** The same bytes read as another type. */
  viewAs(dtype: DType): Tensor {
    return wrap(ops.view_dtype(this.handle, dtypeCode(dtype)));
  }

  /** Pairs in a last dimension of 2 as complex numbers, and back. */
  viewAsComplex(): Tensor {
    return wrap(ops.view_as_complex(this.handle));
  }
  viewAsReal(): Tensor {
    return wrap(ops.view_as_real(this.handle));
  }

  // Shape.

  reshape(shape: readonly number[]): Tensor {
    return wrap(ops.reshape(this.handle, shape));
  }
  view(shape: readonly number[]): Tensor {
    return wrap(ops.view(this.handle, shape));
  }
  permute(dims: readonly number[]): Tensor {
    return wrap(ops.permute(this.handle, dims));
  }
  transpose(dim0: number, dim1: number): Tensor {
    return wrap(ops.transpose_int(this.handle, dim0, dim1));
  }
  t(): Tensor {
    return wrap(ops.t(this.handle));
  }
  unsqueeze(dim: number): Tensor {
    return wrap(ops.unsqueeze(this.handle, dim));
  }
  squeeze(dim: number): Tensor {
    return wrap(ops.squeeze_dim(this.handle, dim));
  }
  flatten(startDim = 0, endDim = -1): Tensor {
    return wrap(ops.flatten_using_ints(this.handle, startDim, endDim));
  }
  expand(shape: readonly number[]): Tensor {
    return wrap(ops.expand(this.handle, shape));
  }
  narrow(dim: number, start: number, length: number): Tensor {
    return wrap(ops.narrow(this.handle, dim, start, length));
  }
  select(dim: number, index: number): Tensor {
    return wrap(ops.select_int(this.handle, dim, index));
  }
  slice(dim: number, start?: number, end?: number, step?: number): Tensor {
    return wrap(ops.slice_Tensor(this.handle, dim, start, end, step));
  }
  split(size: number, dim = 0): Tensor[] {
    return wrapAll(ops.split_Tensor(this.handle, size, dim));
  }
  chunk(count: number, dim = 0): Tensor[] {
    return wrapAll(ops.chunk(this.handle, count, dim));
  }
  unbind(dim = 0): Tensor[] {
    return wrapAll(ops.unbind_int(this.handle, dim));
  }
  repeat(repeats: readonly number[]): Tensor {
    return wrap(ops.repeat(this.handle, repeats));
  }
  repeatInterleave(repeats: number, dim: number): Tensor {
    return wrap(ops.repeat_interleave_self_int(this.handle, repeats, dim));
  }
  flip(dims: readonly number[]): Tensor {
    return wrap(ops.flip(this.handle, dims));
  }
  /** For each element the number of boundaries below it, int32. @param boundaries rising */
  bucketize(boundaries: Tensor): Tensor {
    return wrap(ops.bucketize_Tensor(this.handle, boundaries.handle, true));
  }
  indexSelect(dim: number, index: Tensor): Tensor {
    return wrap(ops.index_select(this.handle, dim, index.handle));
  }
  gather(dim: number, index: Tensor): Tensor {
    return wrap(ops.gather(this.handle, dim, index.handle));
  }
  maskedFill(mask: Tensor, value: number): Tensor {
    return wrap(ops.masked_fill_Scalar(this.handle, mask.handle, value));
  }

  // Arithmetic.

  /** this + alpha · other */
  add(other: Tensor | number, alpha?: number): Tensor {
    return wrap(
      typeof other === "number"
        ? ops.add_Scalar(this.handle, other, alpha)
        : ops.add_Tensor(this.handle, other.handle, alpha),
    );
  }
  sub(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.sub_Scalar(this.handle, other) : ops.sub_Tensor(this.handle, other.handle),
    );
  }
  mul(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.mul_Scalar(this.handle, other) : ops.mul_Tensor(this.handle, other.handle),
    );
  }
  div(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.div_Scalar(this.handle, other) : ops.div_Tensor(this.handle, other.handle),
    );
  }
  /** other − this */
  rsub(other: number): Tensor {
    return wrap(ops.rsub_Scalar(this.handle, other));
  }
  /** this + value · a · b */
  addcmul(a: Tensor, b: Tensor, value?: number): Tensor {
    return wrap(ops.addcmul(this.handle, a.handle, b.handle, value));
  }
  neg(): Tensor {
    return wrap(ops.neg(this.handle));
  }
  /** −1, 0 or 1. */
  sign(): Tensor {
    return wrap(ops.sign(this.handle));
  }
  abs(): Tensor {
    return wrap(ops.abs(this.handle));
  }
  pow(exponent: number): Tensor {
    return wrap(ops.pow_Tensor_Scalar(this.handle, exponent));
  }
  square(): Tensor {
    return wrap(ops.square(this.handle));
  }
  sqrt(): Tensor {
    return wrap(ops.sqrt(this.handle));
  }
  rsqrt(): Tensor {
    return wrap(ops.rsqrt(this.handle));
  }
  reciprocal(): Tensor {
    return wrap(ops.reciprocal(this.handle));
  }
  exp(): Tensor {
    return wrap(ops.exp(this.handle));
  }
  log(): Tensor {
    return wrap(ops.log(this.handle));
  }
  sin(): Tensor {
    return wrap(ops.sin(this.handle));
  }
  cos(): Tensor {
    return wrap(ops.cos(this.handle));
  }
  tanh(): Tensor {
    return wrap(ops.tanh(this.handle));
  }
  sigmoid(): Tensor {
    return wrap(ops.sigmoid(this.handle));
  }
  erfinv(): Tensor {
    return wrap(ops.erfinv(this.handle));
  }
  floor(): Tensor {
    return wrap(ops.floor(this.handle));
  }
  round(): Tensor {
    return wrap(ops.round(this.handle));
  }
  trunc(): Tensor {
    return wrap(ops.trunc(this.handle));
  }
  clamp(min?: number, max?: number): Tensor {
    return wrap(ops.clamp(this.handle, min, max));
  }
  maximum(other: Tensor): Tensor {
    return wrap(ops.maximum(this.handle, other.handle));
  }
  minimum(other: Tensor): Tensor {
    return wrap(ops.minimum(this.handle, other.handle));
  }
  matmul(other: Tensor): Tensor {
    return wrap(ops.matmul(this.handle, other.handle));
  }
  softmax(dim: number): Tensor {
    return wrap(ops.softmax_int(this.handle, dim));
  }
  cumsum(dim: number): Tensor {
    return wrap(ops.cumsum(this.handle, dim));
  }

  // Arithmetic in place.

  /** this += alpha · other */
  add_(other: Tensor | number, alpha?: number): void {
    if (typeof other === "number") ops.add_Scalar_(this.handle, other, alpha);
    else ops.add_Tensor_(this.handle, other.handle, alpha);
  }
  sub_(other: Tensor, alpha?: number): void {
    ops.sub_Tensor_(this.handle, other.handle, alpha);
  }
  mul_(other: Tensor | number): void {
    if (typeof other === "number") ops.mul_Scalar_(this.handle, other);
    else ops.mul_Tensor_(this.handle, other.handle);
  }
  div_(other: Tensor | number): void {
    if (typeof other === "number") ops.div_Scalar_(this.handle, other);
    else ops.div_Tensor_(this.handle, other.handle);
  }
  /** this += value · a · b */
  addcmul_(a: Tensor, b: Tensor, value?: number): void {
    ops.addcmul_(this.handle, a.handle, b.handle, value);
  }
  /** this += value · a / b */
  addcdiv_(a: Tensor, b: Tensor, value?: number): void {
    ops.addcdiv_(this.handle, a.handle, b.handle, value);
  }
  /** this += weight · (end − this) */
  lerp_(end: Tensor, weight: number): void {
    ops.lerp_Scalar_(this.handle, end.handle, weight);
  }
  clamp_(min?: number, max?: number): void {
    ops.clamp_(this.handle, min, max);
  }
  copy_(source: Tensor, nonBlocking?: boolean): void {
    ops.copy_(this.handle, source.handle, nonBlocking);
  }
  fill_(value: number): void {
    ops.fill_Scalar_(this.handle, value);
  }
  zero_(): void {
    ops.zero_(this.handle);
  }

  // Comparisons, to bool.

  eq(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.eq_Scalar(this.handle, other) : ops.eq_Tensor(this.handle, other.handle),
    );
  }
  ne(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.ne_Scalar(this.handle, other) : ops.ne_Tensor(this.handle, other.handle),
    );
  }
  lt(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.lt_Scalar(this.handle, other) : ops.lt_Tensor(this.handle, other.handle),
    );
  }
  le(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.le_Scalar(this.handle, other) : ops.le_Tensor(this.handle, other.handle),
    );
  }
  gt(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.gt_Scalar(this.handle, other) : ops.gt_Tensor(this.handle, other.handle),
    );
  }
  ge(other: Tensor | number): Tensor {
    return wrap(
      typeof other === "number" ? ops.ge_Scalar(this.handle, other) : ops.ge_Tensor(this.handle, other.handle),
    );
  }
  logicalNot(): Tensor {
    return wrap(ops.logical_not(this.handle));
  }
  isfinite(): Tensor {
    return wrap(ops.isfinite(this.handle));
  }
  isnan(): Tensor {
    return wrap(ops.isnan(this.handle));
  }
  /** Whether both have the same shape and the same elements. */
  equal(other: Tensor): boolean {
    return ops.equal(this.handle, other.handle) === 1;
  }

  // Reductions; over all dimensions unless some are named.

  sum(dims?: readonly number[], keepdim = false): Tensor {
    return wrap(dims === undefined ? ops.sum(this.handle) : ops.sum_dim_IntList(this.handle, dims, keepdim));
  }
  mean(dims?: readonly number[], keepdim = false): Tensor {
    return wrap(dims === undefined ? ops.mean(this.handle) : ops.mean_dim(this.handle, dims, keepdim));
  }
  amax(dims: readonly number[] = [], keepdim = false): Tensor {
    return wrap(ops.amax(this.handle, dims, keepdim));
  }
  amin(dims: readonly number[] = [], keepdim = false): Tensor {
    return wrap(ops.amin(this.handle, dims, keepdim));
  }
  argmax(dim?: number): Tensor {
    return wrap(ops.argmax(this.handle, dim));
  }
  all(): Tensor {
    return wrap(ops.all(this.handle));
  }
  any(): Tensor {
    return wrap(ops.any(this.handle));
  }
  /** L2 norm; the sum runs in `dtype`, float32 unless said otherwise. */
  norm(dims?: readonly number[], keepdim = false, dtype?: DType): Tensor {
    return wrap(
      ops.linalg_vector_norm(this.handle, 2, dims, keepdim, dtype === undefined ? undefined : dtypeCode(dtype)),
    );
  }
}

function sameDevice(a: Device, b: Device): boolean {
  return a === b || (a === "cuda:0" && b === "cuda") || (a === "cuda" && b === "cuda:0");
}
