// Written by ffi/generate.ts from ffi/ops.txt; edit that list, never this file.
// deno-lint-ignore-file camelcase
import { callMany, callOne, callValue, callVoid, putBool, putDevice, putFloat, putGenerator, putInt, putInts, putScalar, putString, putTensor, putTensors, type GeneratorHandle, type Handle } from "../call.ts";

/** The schemas these wrappers were made from; an operator's number is its place in this list. */
export const SCHEMAS: readonly string[] = [
  "aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  "aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  "aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  "aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  "aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)",
  "aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)",
  "aten::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  "aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
  "aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)",
  "aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor",
  "aten::detach(Tensor(a) self) -> Tensor(a)",
  "aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)",
  "aten::alias(Tensor(a) self) -> Tensor(a)",
  "aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)",
  "aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)",
  "aten::view_as_complex(Tensor(a) self) -> Tensor(a)",
  "aten::view_as_real(Tensor(a) self) -> Tensor(a)",
  "aten::complex(Tensor real, Tensor imag) -> Tensor",
  "aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)",
  "aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)",
  "aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
  "aten::t(Tensor(a) self) -> Tensor(a)",
  "aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)",
  "aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
  "aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)",
  "aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
  "aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)",
  "aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)",
  "aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)",
  "aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]",
  "aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]",
  "aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]",
  "aten::cat(Tensor[] tensors, int dim=0) -> Tensor",
  "aten::stack(Tensor[] tensors, int dim=0) -> Tensor",
  "aten::repeat(Tensor self, SymInt[] repeats) -> Tensor",
  "aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor",
  "aten::flip(Tensor self, int[] dims) -> Tensor",
  "aten::index_select(Tensor self, int dim, Tensor index) -> Tensor",
  "aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)",
  "aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
  "aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
  "aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor",
  "aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor",
  "aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)",
  "aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor",
  "aten::tril(Tensor self, SymInt diagonal=0) -> Tensor",
  "aten::triu(Tensor self, SymInt diagonal=0) -> Tensor",
  "aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)",
  "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
  "aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
  "aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)",
  "aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)",
  "aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
  "aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
  "aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)",
  "aten::mul.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::mul.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)",
  "aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)",
  "aten::div.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::div.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)",
  "aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)",
  "aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
  "aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)",
  "aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
  "aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)",
  "aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)",
  "aten::neg(Tensor self) -> Tensor",
  "aten::sign(Tensor self) -> Tensor",
  "aten::abs(Tensor self) -> Tensor",
  "aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
  "aten::square(Tensor self) -> Tensor",
  "aten::sqrt(Tensor self) -> Tensor",
  "aten::rsqrt(Tensor self) -> Tensor",
  "aten::reciprocal(Tensor self) -> Tensor",
  "aten::exp(Tensor self) -> Tensor",
  "aten::expm1(Tensor self) -> Tensor",
  "aten::log(Tensor self) -> Tensor",
  "aten::sin(Tensor self) -> Tensor",
  "aten::cos(Tensor self) -> Tensor",
  "aten::tanh(Tensor self) -> Tensor",
  "aten::sigmoid(Tensor self) -> Tensor",
  "aten::erf(Tensor self) -> Tensor",
  "aten::erfinv(Tensor self) -> Tensor",
  "aten::floor(Tensor self) -> Tensor",
  "aten::round(Tensor self) -> Tensor",
  "aten::trunc(Tensor self) -> Tensor",
  "aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
  "aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)",
  "aten::maximum(Tensor self, Tensor other) -> Tensor",
  "aten::minimum(Tensor self, Tensor other) -> Tensor",
  "aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)",
  "aten::zero_(Tensor(a!) self) -> Tensor(a!)",
  "aten::isfinite(Tensor self) -> Tensor",
  "aten::isnan(Tensor self) -> Tensor",
  "aten::logical_not(Tensor self) -> Tensor",
  "aten::logical_and(Tensor self, Tensor other) -> Tensor",
  "aten::logical_or(Tensor self, Tensor other) -> Tensor",
  "aten::eq.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::eq.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::ne.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::ne.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::lt.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::lt.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::le.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::le.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::gt.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::gt.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::ge.Tensor(Tensor self, Tensor other) -> Tensor",
  "aten::ge.Scalar(Tensor self, Scalar other) -> Tensor",
  "aten::equal(Tensor self, Tensor other) -> bool",
  "aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  "aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
  "aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  "aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
  "aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
  "aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
  "aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor",
  "aten::all(Tensor self) -> Tensor",
  "aten::any(Tensor self) -> Tensor",
  "aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
  "aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  "aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
  "aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
  "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
  "aten::matmul(Tensor self, Tensor other) -> Tensor",
  "aten::bmm(Tensor self, Tensor mat2) -> Tensor",
  "aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  "aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  "aten::addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)",
  "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor",
  "aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor",
  "aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
  "aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)",
  "aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor",
  "aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
  "aten::silu(Tensor self) -> Tensor",
  "aten::gelu(Tensor self, *, str approximate=\"none\") -> Tensor",
  "aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
  "aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
  "aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor",
  "aten::_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor",
  "aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor",
  "aten::dropout(Tensor input, float p, bool train) -> Tensor",
  "aten::_fused_adamw_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()",
  "aten::_fused_adam_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()",
  "aten::_foreach_mul_.Tensor(Tensor(a!)[] self, Tensor other) -> ()",
  "aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]",
];

/** `aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function empty_memory_format(size: readonly number[], dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean, memoryFormat?: number): Handle {
  let at = putInts(0, size);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  at = putBool(at, pinMemory);
  putInt(at, memoryFormat);
  return callOne(0, 6);
}

/** `aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function empty_like(self: Handle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean, memoryFormat?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  at = putBool(at, pinMemory);
  putInt(at, memoryFormat);
  return callOne(1, 6);
}

/** `aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function zeros(size: readonly number[], dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInts(0, size);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(2, 5);
}

/** `aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function zeros_like(self: Handle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean, memoryFormat?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  at = putBool(at, pinMemory);
  putInt(at, memoryFormat);
  return callOne(3, 6);
}

/** `aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function ones(size: readonly number[], dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInts(0, size);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(4, 5);
}

/** `aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function ones_like(self: Handle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean, memoryFormat?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  at = putBool(at, pinMemory);
  putInt(at, memoryFormat);
  return callOne(5, 6);
}

/** `aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function full(size: readonly number[], fillValue: number, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInts(0, size);
  at = putScalar(at, fillValue);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(6, 6);
}

/** `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function arange_start_step(start: number, end: number, step?: number, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putScalar(0, start);
  at = putScalar(at, end);
  at = putScalar(at, step);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(7, 7);
}

/** `aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function linspace(start: number, end: number, steps: number, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putScalar(0, start);
  at = putScalar(at, end);
  at = putInt(at, steps);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(8, 7);
}

/** `aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randn_generator(size: readonly number[], generator?: GeneratorHandle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInts(0, size);
  at = putGenerator(at, generator);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(9, 6);
}

/** `aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function rand_generator(size: readonly number[], generator?: GeneratorHandle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInts(0, size);
  at = putGenerator(at, generator);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(10, 6);
}

/** `aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randint_low_generator(low: number, high: number, size: readonly number[], generator?: GeneratorHandle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInt(0, low);
  at = putInt(at, high);
  at = putInts(at, size);
  at = putGenerator(at, generator);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(11, 8);
}

/** `aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randperm_generator(n: number, generator?: GeneratorHandle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInt(0, n);
  at = putGenerator(at, generator);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(12, 6);
}

/** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
export function normal_(self: Handle, mean?: number, std?: number, generator?: GeneratorHandle): void {
  let at = putTensor(0, self);
  at = putFloat(at, mean);
  at = putFloat(at, std);
  putGenerator(at, generator);
  callVoid(13, 4);
}

/** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
export function uniform_(self: Handle, from?: number, to?: number, generator?: GeneratorHandle): void {
  let at = putTensor(0, self);
  at = putFloat(at, from);
  at = putFloat(at, to);
  putGenerator(at, generator);
  callVoid(14, 4);
}

/** `aten::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function scalar_tensor(s: number, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putScalar(0, s);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(15, 5);
}

/** `aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function eye(n: number, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean): Handle {
  let at = putInt(0, n);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  putBool(at, pinMemory);
  return callOne(16, 5);
}

/** `aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor` */
export function _to_copy(self: Handle, dtype?: number, layout?: number, device?: { type: number; index: number }, pinMemory?: boolean, nonBlocking?: boolean, memoryFormat?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dtype);
  at = putInt(at, layout);
  at = putDevice(at, device);
  at = putBool(at, pinMemory);
  at = putBool(at, nonBlocking);
  putInt(at, memoryFormat);
  return callOne(17, 7);
}

/** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
export function copy_(self: Handle, src: Handle, nonBlocking?: boolean): void {
  let at = putTensor(0, self);
  at = putTensor(at, src);
  putBool(at, nonBlocking);
  callVoid(18, 3);
}

/** `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
export function clone(self: Handle, memoryFormat?: number): Handle {
  const at = putTensor(0, self);
  putInt(at, memoryFormat);
  return callOne(19, 2);
}

/** `aten::detach(Tensor(a) self) -> Tensor(a)` */
export function detach(self: Handle): Handle {
  putTensor(0, self);
  return callOne(20, 1);
}

/** `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
export function contiguous(self: Handle, memoryFormat?: number): Handle {
  const at = putTensor(0, self);
  putInt(at, memoryFormat);
  return callOne(21, 2);
}

/** `aten::alias(Tensor(a) self) -> Tensor(a)` */
export function alias(self: Handle): Handle {
  putTensor(0, self);
  return callOne(22, 1);
}

/** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
export function view(self: Handle, size: readonly number[]): Handle {
  const at = putTensor(0, self);
  putInts(at, size);
  return callOne(23, 2);
}

/** `aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)` */
export function view_dtype(self: Handle, dtype: number): Handle {
  const at = putTensor(0, self);
  putInt(at, dtype);
  return callOne(24, 2);
}

/** `aten::view_as_complex(Tensor(a) self) -> Tensor(a)` */
export function view_as_complex(self: Handle): Handle {
  putTensor(0, self);
  return callOne(25, 1);
}

/** `aten::view_as_real(Tensor(a) self) -> Tensor(a)` */
export function view_as_real(self: Handle): Handle {
  putTensor(0, self);
  return callOne(26, 1);
}

/** `aten::complex(Tensor real, Tensor imag) -> Tensor` */
export function complex(real: Handle, imag: Handle): Handle {
  const at = putTensor(0, real);
  putTensor(at, imag);
  return callOne(27, 2);
}

/** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
export function reshape(self: Handle, shape: readonly number[]): Handle {
  const at = putTensor(0, self);
  putInts(at, shape);
  return callOne(28, 2);
}

/** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
export function permute(self: Handle, dims: readonly number[]): Handle {
  const at = putTensor(0, self);
  putInts(at, dims);
  return callOne(29, 2);
}

/** `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
export function transpose_int(self: Handle, dim0: number, dim1: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim0);
  putInt(at, dim1);
  return callOne(30, 3);
}

/** `aten::t(Tensor(a) self) -> Tensor(a)` */
export function t(self: Handle): Handle {
  putTensor(0, self);
  return callOne(31, 1);
}

/** `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
export function unsqueeze(self: Handle, dim: number): Handle {
  const at = putTensor(0, self);
  putInt(at, dim);
  return callOne(32, 2);
}

/** `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
export function squeeze_dim(self: Handle, dim: number): Handle {
  const at = putTensor(0, self);
  putInt(at, dim);
  return callOne(33, 2);
}

/** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
export function flatten_using_ints(self: Handle, startDim?: number, endDim?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, startDim);
  putInt(at, endDim);
  return callOne(34, 3);
}

/** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
export function expand(self: Handle, size: readonly number[], implicit?: boolean): Handle {
  let at = putTensor(0, self);
  at = putInts(at, size);
  putBool(at, implicit);
  return callOne(35, 3);
}

/** `aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)` */
export function narrow(self: Handle, dim: number, start: number, length: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  at = putInt(at, start);
  putInt(at, length);
  return callOne(36, 4);
}

/** `aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)` */
export function select_int(self: Handle, dim: number, index: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  putInt(at, index);
  return callOne(37, 3);
}

/** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
export function slice_Tensor(self: Handle, dim?: number, start?: number, end?: number, step?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  at = putInt(at, start);
  at = putInt(at, end);
  putInt(at, step);
  return callOne(38, 5);
}

/** `aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]` */
export function split_Tensor(self: Handle, splitSize: number, dim?: number): Handle[] {
  let at = putTensor(0, self);
  at = putInt(at, splitSize);
  putInt(at, dim);
  return callMany(39, 3);
}

/** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
export function chunk(self: Handle, chunks: number, dim?: number): Handle[] {
  let at = putTensor(0, self);
  at = putInt(at, chunks);
  putInt(at, dim);
  return callMany(40, 3);
}

/** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
export function unbind_int(self: Handle, dim?: number): Handle[] {
  const at = putTensor(0, self);
  putInt(at, dim);
  return callMany(41, 2);
}

/** `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
export function cat(tensors: readonly Handle[], dim?: number): Handle {
  const at = putTensors(0, tensors);
  putInt(at, dim);
  return callOne(42, 2);
}

/** `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
export function stack(tensors: readonly Handle[], dim?: number): Handle {
  const at = putTensors(0, tensors);
  putInt(at, dim);
  return callOne(43, 2);
}

/** `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
export function repeat(self: Handle, repeats: readonly number[]): Handle {
  const at = putTensor(0, self);
  putInts(at, repeats);
  return callOne(44, 2);
}

/** `aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
export function repeat_interleave_self_int(self: Handle, repeats: number, dim?: number, outputSize?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, repeats);
  at = putInt(at, dim);
  putInt(at, outputSize);
  return callOne(45, 4);
}

/** `aten::flip(Tensor self, int[] dims) -> Tensor` */
export function flip(self: Handle, dims: readonly number[]): Handle {
  const at = putTensor(0, self);
  putInts(at, dims);
  return callOne(46, 2);
}

/** `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
export function index_select(self: Handle, dim: number, index: Handle): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  putTensor(at, index);
  return callOne(47, 3);
}

/** `aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)` */
export function index_add_(self: Handle, dim: number, index: Handle, source: Handle, alpha?: number): void {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  at = putTensor(at, index);
  at = putTensor(at, source);
  putScalar(at, alpha);
  callVoid(48, 5);
}

/** `aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor` */
export function bucketize_Tensor(self: Handle, boundaries: Handle, outInt32?: boolean, right?: boolean): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, boundaries);
  at = putBool(at, outInt32);
  putBool(at, right);
  return callOne(49, 4);
}

/** `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
export function gather(self: Handle, dim: number, index: Handle, sparseGrad?: boolean): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  at = putTensor(at, index);
  putBool(at, sparseGrad);
  return callOne(50, 4);
}

/** `aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor` */
export function masked_fill_Scalar(self: Handle, mask: Handle, value: number): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, mask);
  putScalar(at, value);
  return callOne(51, 3);
}

/** `aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor` */
export function where_self(condition: Handle, self: Handle, other: Handle): Handle {
  let at = putTensor(0, condition);
  at = putTensor(at, self);
  putTensor(at, other);
  return callOne(52, 3);
}

/** `aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)` */
export function as_strided(self: Handle, size: readonly number[], stride: readonly number[], storageOffset?: number): Handle {
  let at = putTensor(0, self);
  at = putInts(at, size);
  at = putInts(at, stride);
  putInt(at, storageOffset);
  return callOne(53, 4);
}

/** `aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor` */
export function constant_pad_nd(self: Handle, pad: readonly number[], value?: number): Handle {
  let at = putTensor(0, self);
  at = putInts(at, pad);
  putScalar(at, value);
  return callOne(54, 3);
}

/** `aten::tril(Tensor self, SymInt diagonal=0) -> Tensor` */
export function tril(self: Handle, diagonal?: number): Handle {
  const at = putTensor(0, self);
  putInt(at, diagonal);
  return callOne(55, 2);
}

/** `aten::triu(Tensor self, SymInt diagonal=0) -> Tensor` */
export function triu(self: Handle, diagonal?: number): Handle {
  const at = putTensor(0, self);
  putInt(at, diagonal);
  return callOne(56, 2);
}

/** `aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)` */
export function pin_memory(self: Handle, device?: { type: number; index: number }): Handle {
  const at = putTensor(0, self);
  putDevice(at, device);
  return callOne(57, 2);
}

/** `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function add_Tensor(self: Handle, other: Handle, alpha?: number): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, other);
  putScalar(at, alpha);
  return callOne(58, 3);
}

/** `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function add_Scalar(self: Handle, other: number, alpha?: number): Handle {
  let at = putTensor(0, self);
  at = putScalar(at, other);
  putScalar(at, alpha);
  return callOne(59, 3);
}

/** `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export function add_Tensor_(self: Handle, other: Handle, alpha?: number): void {
  let at = putTensor(0, self);
  at = putTensor(at, other);
  putScalar(at, alpha);
  callVoid(60, 3);
}

/** `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
export function add_Scalar_(self: Handle, other: number, alpha?: number): void {
  let at = putTensor(0, self);
  at = putScalar(at, other);
  putScalar(at, alpha);
  callVoid(61, 3);
}

/** `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function sub_Tensor(self: Handle, other: Handle, alpha?: number): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, other);
  putScalar(at, alpha);
  return callOne(62, 3);
}

/** `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function sub_Scalar(self: Handle, other: number, alpha?: number): Handle {
  let at = putTensor(0, self);
  at = putScalar(at, other);
  putScalar(at, alpha);
  return callOne(63, 3);
}

/** `aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export function sub_Tensor_(self: Handle, other: Handle, alpha?: number): void {
  let at = putTensor(0, self);
  at = putTensor(at, other);
  putScalar(at, alpha);
  callVoid(64, 3);
}

/** `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor` */
export function mul_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(65, 2);
}

/** `aten::mul.Scalar(Tensor self, Scalar other) -> Tensor` */
export function mul_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(66, 2);
}

/** `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function mul_Tensor_(self: Handle, other: Handle): void {
  const at = putTensor(0, self);
  putTensor(at, other);
  callVoid(67, 2);
}

/** `aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
export function mul_Scalar_(self: Handle, other: number): void {
  const at = putTensor(0, self);
  putScalar(at, other);
  callVoid(68, 2);
}

/** `aten::div.Tensor(Tensor self, Tensor other) -> Tensor` */
export function div_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(69, 2);
}

/** `aten::div.Scalar(Tensor self, Scalar other) -> Tensor` */
export function div_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(70, 2);
}

/** `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function div_Tensor_(self: Handle, other: Handle): void {
  const at = putTensor(0, self);
  putTensor(at, other);
  callVoid(71, 2);
}

/** `aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
export function div_Scalar_(self: Handle, other: number): void {
  const at = putTensor(0, self);
  putScalar(at, other);
  callVoid(72, 2);
}

/** `aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function rsub_Scalar(self: Handle, other: number, alpha?: number): Handle {
  let at = putTensor(0, self);
  at = putScalar(at, other);
  putScalar(at, alpha);
  return callOne(73, 3);
}

/** `aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)` */
export function lerp_Scalar_(self: Handle, end: Handle, weight: number): void {
  let at = putTensor(0, self);
  at = putTensor(at, end);
  putScalar(at, weight);
  callVoid(74, 3);
}

/** `aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
export function addcmul(self: Handle, tensor1: Handle, tensor2: Handle, value?: number): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, tensor1);
  at = putTensor(at, tensor2);
  putScalar(at, value);
  return callOne(75, 4);
}

/** `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export function addcmul_(self: Handle, tensor1: Handle, tensor2: Handle, value?: number): void {
  let at = putTensor(0, self);
  at = putTensor(at, tensor1);
  at = putTensor(at, tensor2);
  putScalar(at, value);
  callVoid(76, 4);
}

/** `aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export function addcdiv_(self: Handle, tensor1: Handle, tensor2: Handle, value?: number): void {
  let at = putTensor(0, self);
  at = putTensor(at, tensor1);
  at = putTensor(at, tensor2);
  putScalar(at, value);
  callVoid(77, 4);
}

/** `aten::neg(Tensor self) -> Tensor` */
export function neg(self: Handle): Handle {
  putTensor(0, self);
  return callOne(78, 1);
}

/** `aten::sign(Tensor self) -> Tensor` */
export function sign(self: Handle): Handle {
  putTensor(0, self);
  return callOne(79, 1);
}

/** `aten::abs(Tensor self) -> Tensor` */
export function abs(self: Handle): Handle {
  putTensor(0, self);
  return callOne(80, 1);
}

/** `aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
export function pow_Tensor_Scalar(self: Handle, exponent: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, exponent);
  return callOne(81, 2);
}

/** `aten::square(Tensor self) -> Tensor` */
export function square(self: Handle): Handle {
  putTensor(0, self);
  return callOne(82, 1);
}

/** `aten::sqrt(Tensor self) -> Tensor` */
export function sqrt(self: Handle): Handle {
  putTensor(0, self);
  return callOne(83, 1);
}

/** `aten::rsqrt(Tensor self) -> Tensor` */
export function rsqrt(self: Handle): Handle {
  putTensor(0, self);
  return callOne(84, 1);
}

/** `aten::reciprocal(Tensor self) -> Tensor` */
export function reciprocal(self: Handle): Handle {
  putTensor(0, self);
  return callOne(85, 1);
}

/** `aten::exp(Tensor self) -> Tensor` */
export function exp(self: Handle): Handle {
  putTensor(0, self);
  return callOne(86, 1);
}

/** `aten::expm1(Tensor self) -> Tensor` */
export function expm1(self: Handle): Handle {
  putTensor(0, self);
  return callOne(87, 1);
}

/** `aten::log(Tensor self) -> Tensor` */
export function log(self: Handle): Handle {
  putTensor(0, self);
  return callOne(88, 1);
}

/** `aten::sin(Tensor self) -> Tensor` */
export function sin(self: Handle): Handle {
  putTensor(0, self);
  return callOne(89, 1);
}

/** `aten::cos(Tensor self) -> Tensor` */
export function cos(self: Handle): Handle {
  putTensor(0, self);
  return callOne(90, 1);
}

/** `aten::tanh(Tensor self) -> Tensor` */
export function tanh(self: Handle): Handle {
  putTensor(0, self);
  return callOne(91, 1);
}

/** `aten::sigmoid(Tensor self) -> Tensor` */
export function sigmoid(self: Handle): Handle {
  putTensor(0, self);
  return callOne(92, 1);
}

/** `aten::erf(Tensor self) -> Tensor` */
export function erf(self: Handle): Handle {
  putTensor(0, self);
  return callOne(93, 1);
}

/** `aten::erfinv(Tensor self) -> Tensor` */
export function erfinv(self: Handle): Handle {
  putTensor(0, self);
  return callOne(94, 1);
}

/** `aten::floor(Tensor self) -> Tensor` */
export function floor(self: Handle): Handle {
  putTensor(0, self);
  return callOne(95, 1);
}

/** `aten::round(Tensor self) -> Tensor` */
export function round(self: Handle): Handle {
  putTensor(0, self);
  return callOne(96, 1);
}

/** `aten::trunc(Tensor self) -> Tensor` */
export function trunc(self: Handle): Handle {
  putTensor(0, self);
  return callOne(97, 1);
}

/** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
export function clamp(self: Handle, min?: number, max?: number): Handle {
  let at = putTensor(0, self);
  at = putScalar(at, min);
  putScalar(at, max);
  return callOne(98, 3);
}

/** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
export function clamp_(self: Handle, min?: number, max?: number): void {
  let at = putTensor(0, self);
  at = putScalar(at, min);
  putScalar(at, max);
  callVoid(99, 3);
}

/** `aten::maximum(Tensor self, Tensor other) -> Tensor` */
export function maximum(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(100, 2);
}

/** `aten::minimum(Tensor self, Tensor other) -> Tensor` */
export function minimum(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(101, 2);
}

/** `aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)` */
export function fill_Scalar_(self: Handle, value: number): void {
  const at = putTensor(0, self);
  putScalar(at, value);
  callVoid(102, 2);
}

/** `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
export function zero_(self: Handle): void {
  putTensor(0, self);
  callVoid(103, 1);
}

/** `aten::isfinite(Tensor self) -> Tensor` */
export function isfinite(self: Handle): Handle {
  putTensor(0, self);
  return callOne(104, 1);
}

/** `aten::isnan(Tensor self) -> Tensor` */
export function isnan(self: Handle): Handle {
  putTensor(0, self);
  return callOne(105, 1);
}

/** `aten::logical_not(Tensor self) -> Tensor` */
export function logical_not(self: Handle): Handle {
  putTensor(0, self);
  return callOne(106, 1);
}

/** `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
export function logical_and(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(107, 2);
}

/** `aten::logical_or(Tensor self, Tensor other) -> Tensor` */
export function logical_or(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(108, 2);
}

/** `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor` */
export function eq_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(109, 2);
}

/** `aten::eq.Scalar(Tensor self, Scalar other) -> Tensor` */
export function eq_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(110, 2);
}

/** `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ne_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(111, 2);
}

/** `aten::ne.Scalar(Tensor self, Scalar other) -> Tensor` */
export function ne_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(112, 2);
}

/** `aten::lt.Tensor(Tensor self, Tensor other) -> Tensor` */
export function lt_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(113, 2);
}

/** `aten::lt.Scalar(Tensor self, Scalar other) -> Tensor` */
export function lt_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(114, 2);
}

/** `aten::le.Tensor(Tensor self, Tensor other) -> Tensor` */
export function le_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(115, 2);
}

/** `aten::le.Scalar(Tensor self, Scalar other) -> Tensor` */
export function le_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(116, 2);
}

/** `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor` */
export function gt_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(117, 2);
}

/** `aten::gt.Scalar(Tensor self, Scalar other) -> Tensor` */
export function gt_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(118, 2);
}

/** `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ge_Tensor(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(119, 2);
}

/** `aten::ge.Scalar(Tensor self, Scalar other) -> Tensor` */
export function ge_Scalar(self: Handle, other: number): Handle {
  const at = putTensor(0, self);
  putScalar(at, other);
  return callOne(120, 2);
}

/** `aten::equal(Tensor self, Tensor other) -> bool` */
export function equal(self: Handle, other: Handle): number {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callValue(121, 2);
}

/** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function sum_dim_IntList(self: Handle, dim?: readonly number[], keepdim?: boolean, dtype?: number): Handle {
  let at = putTensor(0, self);
  at = putInts(at, dim);
  at = putBool(at, keepdim);
  putInt(at, dtype);
  return callOne(122, 4);
}

/** `aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export function sum(self: Handle, dtype?: number): Handle {
  const at = putTensor(0, self);
  putInt(at, dtype);
  return callOne(123, 2);
}

/** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function mean_dim(self: Handle, dim?: readonly number[], keepdim?: boolean, dtype?: number): Handle {
  let at = putTensor(0, self);
  at = putInts(at, dim);
  at = putBool(at, keepdim);
  putInt(at, dtype);
  return callOne(124, 4);
}

/** `aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export function mean(self: Handle, dtype?: number): Handle {
  const at = putTensor(0, self);
  putInt(at, dtype);
  return callOne(125, 2);
}

/** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amax(self: Handle, dim?: readonly number[], keepdim?: boolean): Handle {
  let at = putTensor(0, self);
  at = putInts(at, dim);
  putBool(at, keepdim);
  return callOne(126, 3);
}

/** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amin(self: Handle, dim?: readonly number[], keepdim?: boolean): Handle {
  let at = putTensor(0, self);
  at = putInts(at, dim);
  putBool(at, keepdim);
  return callOne(127, 3);
}

/** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export function argmax(self: Handle, dim?: number, keepdim?: boolean): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  putBool(at, keepdim);
  return callOne(128, 3);
}

/** `aten::all(Tensor self) -> Tensor` */
export function all(self: Handle): Handle {
  putTensor(0, self);
  return callOne(129, 1);
}

/** `aten::any(Tensor self) -> Tensor` */
export function any(self: Handle): Handle {
  putTensor(0, self);
  return callOne(130, 1);
}

/** `aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
export function cumsum(self: Handle, dim: number, dtype?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  putInt(at, dtype);
  return callOne(131, 3);
}

/** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function linalg_vector_norm(self: Handle, ord?: number, dim?: readonly number[], keepdim?: boolean, dtype?: number): Handle {
  let at = putTensor(0, self);
  at = putScalar(at, ord);
  at = putInts(at, dim);
  at = putBool(at, keepdim);
  putInt(at, dtype);
  return callOne(132, 5);
}

/** `aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
export function var_correction(self: Handle, dim?: readonly number[], correction?: number, keepdim?: boolean): Handle {
  let at = putTensor(0, self);
  at = putInts(at, dim);
  at = putScalar(at, correction);
  putBool(at, keepdim);
  return callOne(133, 4);
}

/** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
export function sort(self: Handle, dim?: number, descending?: boolean): Handle[] {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  putBool(at, descending);
  return callMany(134, 3);
}

/** `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
export function linear(input: Handle, weight: Handle, bias?: Handle): Handle {
  let at = putTensor(0, input);
  at = putTensor(at, weight);
  putTensor(at, bias);
  return callOne(135, 3);
}

/** `aten::matmul(Tensor self, Tensor other) -> Tensor` */
export function matmul(self: Handle, other: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, other);
  return callOne(136, 2);
}

/** `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
export function bmm(self: Handle, mat2: Handle): Handle {
  const at = putTensor(0, self);
  putTensor(at, mat2);
  return callOne(137, 2);
}

/** `aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function baddbmm(self: Handle, batch1: Handle, batch2: Handle, beta?: number, alpha?: number): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, batch1);
  at = putTensor(at, batch2);
  at = putScalar(at, beta);
  putScalar(at, alpha);
  return callOne(138, 5);
}

/** `aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function addmm(self: Handle, mat1: Handle, mat2: Handle, beta?: number, alpha?: number): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, mat1);
  at = putTensor(at, mat2);
  at = putScalar(at, beta);
  putScalar(at, alpha);
  return callOne(139, 5);
}

/** `aten::addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
export function addmm_(self: Handle, mat1: Handle, mat2: Handle, beta?: number, alpha?: number): void {
  let at = putTensor(0, self);
  at = putTensor(at, mat1);
  at = putTensor(at, mat2);
  at = putScalar(at, beta);
  putScalar(at, alpha);
  callVoid(140, 5);
}

/** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
export function conv2d(input: Handle, weight: Handle, bias?: Handle, stride?: readonly number[], padding?: readonly number[], dilation?: readonly number[], groups?: number): Handle {
  let at = putTensor(0, input);
  at = putTensor(at, weight);
  at = putTensor(at, bias);
  at = putInts(at, stride);
  at = putInts(at, padding);
  at = putInts(at, dilation);
  putInt(at, groups);
  return callOne(141, 7);
}

/** `aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
export function conv3d(input: Handle, weight: Handle, bias?: Handle, stride?: readonly number[], padding?: readonly number[], dilation?: readonly number[], groups?: number): Handle {
  let at = putTensor(0, input);
  at = putTensor(at, weight);
  at = putTensor(at, bias);
  at = putInts(at, stride);
  at = putInts(at, padding);
  at = putInts(at, dilation);
  putInt(at, groups);
  return callOne(142, 7);
}

/** `aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
export function embedding(weight: Handle, indices: Handle, paddingIdx?: number, scaleGradByFreq?: boolean, sparse?: boolean): Handle {
  let at = putTensor(0, weight);
  at = putTensor(at, indices);
  at = putInt(at, paddingIdx);
  at = putBool(at, scaleGradByFreq);
  putBool(at, sparse);
  return callOne(143, 5);
}

/** `aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)` */
export function native_layer_norm(input: Handle, normalizedShape: readonly number[], weight: Handle | undefined, bias: Handle | undefined, eps: number): Handle[] {
  let at = putTensor(0, input);
  at = putInts(at, normalizedShape);
  at = putTensor(at, weight);
  at = putTensor(at, bias);
  putFloat(at, eps);
  return callMany(144, 5);
}

/** `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
export function layer_norm(input: Handle, normalizedShape: readonly number[], weight?: Handle, bias?: Handle, eps?: number, cudnnEnable?: boolean): Handle {
  let at = putTensor(0, input);
  at = putInts(at, normalizedShape);
  at = putTensor(at, weight);
  at = putTensor(at, bias);
  at = putFloat(at, eps);
  putBool(at, cudnnEnable);
  return callOne(145, 6);
}

/** `aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor` */
export function rms_norm(input: Handle, normalizedShape: readonly number[], weight?: Handle, eps?: number): Handle {
  let at = putTensor(0, input);
  at = putInts(at, normalizedShape);
  at = putTensor(at, weight);
  putFloat(at, eps);
  return callOne(146, 4);
}

/** `aten::silu(Tensor self) -> Tensor` */
export function silu(self: Handle): Handle {
  putTensor(0, self);
  return callOne(147, 1);
}

/** `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
export function gelu(self: Handle, approximate?: string): Handle {
  const at = putTensor(0, self);
  putString(at, approximate);
  return callOne(148, 2);
}

/** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export function softmax_int(self: Handle, dim: number, dtype?: number): Handle {
  let at = putTensor(0, self);
  at = putInt(at, dim);
  putInt(at, dtype);
  return callOne(149, 3);
}

/** `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
export function scaled_dot_product_attention(query: Handle, key: Handle, value: Handle, attnMask?: Handle, dropoutP?: number, isCausal?: boolean, scale?: number, enableGqa?: boolean): Handle {
  let at = putTensor(0, query);
  at = putTensor(at, key);
  at = putTensor(at, value);
  at = putTensor(at, attnMask);
  at = putFloat(at, dropoutP);
  at = putBool(at, isCausal);
  at = putFloat(at, scale);
  putBool(at, enableGqa);
  return callOne(150, 8);
}

/** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
export function upsample_nearest2d(self: Handle, outputSize: readonly number[], scalesH?: number, scalesW?: number): Handle {
  let at = putTensor(0, self);
  at = putInts(at, outputSize);
  at = putFloat(at, scalesH);
  putFloat(at, scalesW);
  return callOne(151, 4);
}

/** `aten::_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
export function _upsample_nearest_exact2d(self: Handle, outputSize: readonly number[], scalesH?: number, scalesW?: number): Handle {
  let at = putTensor(0, self);
  at = putInts(at, outputSize);
  at = putFloat(at, scalesH);
  putFloat(at, scalesW);
  return callOne(152, 4);
}

/** `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
export function mse_loss(self: Handle, target: Handle, reduction?: number): Handle {
  let at = putTensor(0, self);
  at = putTensor(at, target);
  putInt(at, reduction);
  return callOne(153, 3);
}

/** `aten::dropout(Tensor input, float p, bool train) -> Tensor` */
export function dropout(input: Handle, p: number, train: boolean): Handle {
  let at = putTensor(0, input);
  at = putFloat(at, p);
  putBool(at, train);
  return callOne(154, 3);
}

/** `aten::_fused_adamw_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()` */
export function _fused_adamw_(self: readonly Handle[], grads: readonly Handle[], expAvgs: readonly Handle[], expAvgSqs: readonly Handle[], maxExpAvgSqs: readonly Handle[], stateSteps: readonly Handle[], lr: number, beta1: number, beta2: number, weightDecay: number, eps: number, amsgrad: boolean, maximize: boolean, gradScale?: Handle, foundInf?: Handle): void {
  let at = putTensors(0, self);
  at = putTensors(at, grads);
  at = putTensors(at, expAvgs);
  at = putTensors(at, expAvgSqs);
  at = putTensors(at, maxExpAvgSqs);
  at = putTensors(at, stateSteps);
  at = putFloat(at, lr);
  at = putFloat(at, beta1);
  at = putFloat(at, beta2);
  at = putFloat(at, weightDecay);
  at = putFloat(at, eps);
  at = putBool(at, amsgrad);
  at = putBool(at, maximize);
  at = putTensor(at, gradScale);
  putTensor(at, foundInf);
  callVoid(155, 15);
}

/** `aten::_fused_adam_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()` */
export function _fused_adam_(self: readonly Handle[], grads: readonly Handle[], expAvgs: readonly Handle[], expAvgSqs: readonly Handle[], maxExpAvgSqs: readonly Handle[], stateSteps: readonly Handle[], lr: number, beta1: number, beta2: number, weightDecay: number, eps: number, amsgrad: boolean, maximize: boolean, gradScale?: Handle, foundInf?: Handle): void {
  let at = putTensors(0, self);
  at = putTensors(at, grads);
  at = putTensors(at, expAvgs);
  at = putTensors(at, expAvgSqs);
  at = putTensors(at, maxExpAvgSqs);
  at = putTensors(at, stateSteps);
  at = putFloat(at, lr);
  at = putFloat(at, beta1);
  at = putFloat(at, beta2);
  at = putFloat(at, weightDecay);
  at = putFloat(at, eps);
  at = putBool(at, amsgrad);
  at = putBool(at, maximize);
  at = putTensor(at, gradScale);
  putTensor(at, foundInf);
  callVoid(156, 15);
}

/** `aten::_foreach_mul_.Tensor(Tensor(a!)[] self, Tensor other) -> ()` */
export function _foreach_mul_Tensor_(self: readonly Handle[], other: Handle): void {
  const at = putTensors(0, self);
  putTensor(at, other);
  callVoid(157, 2);
}

/** `aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]` */
export function _foreach_norm_Scalar(self: readonly Handle[], ord?: number, dtype?: number): Handle[] {
  let at = putTensors(0, self);
  at = putScalar(at, ord);
  putInt(at, dtype);
  return callMany(158, 3);
}
