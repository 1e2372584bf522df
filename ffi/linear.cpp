// Linear layers in 16 bits on a host, and with frozen weights in fewer bits. A quantised weight is decoded for each product, forward
// and backward, and is never part of a graph: what a graph holds are the codes.
#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <map>

#include "internal.h"

using namespace wt;

namespace {

// How a weight [out, in] is kept. Rows: w = codes * scale of the row, codes being 8-bit integers or floats [out, in].
// Nf4: w = value of the code * scale of its 64 numbers, two codes a byte [out * in / 2], the first in the upper half.
enum Kind : int64_t { kRows = 0, kNf4 = 1 };

// The quantiles of a normal distribution that a code stands for. Source: arXiv:2305.14314, appendix E
constexpr float kNf4Values[16] = {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
    0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};
constexpr int64_t kNf4Block = 64;

// The two values that a byte stands for, [256, 2].
const at::Tensor& nf4_pairs(at::Device device, at::ScalarType dtype) {
  static auto& tables = *new std::map<std::pair<std::string, at::ScalarType>, at::Tensor>();
  at::Tensor& table = tables[{device.str(), dtype}];
  if (!table.defined()) {
    at::Tensor values = at::empty({256, 2}, at::kFloat);
    float* out = values.mutable_data_ptr<float>();
    for (int byte = 0; byte < 256; ++byte) {
      out[2 * byte] = kNf4Values[byte >> 4];
      out[2 * byte + 1] = kNf4Values[byte & 15];
    }
    table = values.to(at::TensorOptions().device(device).dtype(dtype));
  }
  return table;
}

struct Shape {
  int64_t out, in;
};

at::Tensor decode_nf4(const at::Tensor& codes, const at::Tensor& scales, Shape shape, at::ScalarType dtype) {
  at::Tensor values = at::index_select(nf4_pairs(codes.device(), dtype), 0, codes.to(at::kInt));
  at::Tensor blocks = values.view({-1, kNf4Block});
  blocks.mul_(scales.to(dtype).view({-1, 1}));
  return blocks.view({shape.out, shape.in});
}

at::Tensor decode(const at::Tensor& codes, const at::Tensor& scales, Kind kind, Shape shape, at::ScalarType dtype) {
  if (kind == kNf4) return decode_nf4(codes, scales, shape, dtype);
  return codes.to(dtype).mul_(scales.view({-1, 1}));
}

// Products of 16-bit floats on a host without instructions for them. libtorch's own make 10 GFLOP/s where single precision makes 62,
// and those with a weight that is not transposed 0.2 (3072 x 3072, one thread, 512 and 12 rows; measured). From 16 rows on it is worth
// widening the weight, a part at a time; the sums are single precision either way.
constexpr int64_t kWideRows = 16, kPartElements = 4 << 20;

bool is_slow(const at::Tensor& x) {
#ifdef __x86_64__
  static const bool has_instructions = __builtin_cpu_supports("avx512bf16");
#else
  constexpr bool has_instructions = true;
#endif
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && !has_instructions;
}

int64_t rows_of(const at::Tensor& x) { return x.numel() / std::max<int64_t>(x.size(-1), 1); }

// Calls part(from, count) for rows of a weight [out, in], few enough at a time for their wide form to stay in the processor's cache.
template <typename Part>
void for_parts(const at::Tensor& weight, Part&& part) {
  const int64_t out = weight.size(0), most = std::max<int64_t>(kPartElements / std::max<int64_t>(weight.size(1), 1), 1);
  for (int64_t from = 0; from < out; from += most) part(from, std::min(most, out - from));
}

// x * w^T + b in x's type. The weight may be of another one: codes are what they stand for.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias = std::nullopt) {
  if (!is_slow(x) || rows_of(x) < kWideRows) return at::linear(x, weight.to(x.scalar_type()), bias);
  const at::Tensor wide = x.to(at::kFloat);
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  at::Tensor y = at::empty(sizes, x.options());
  for_parts(weight, [&](int64_t from, int64_t count) {
    const auto added = bias ? std::optional(bias->narrow(0, from, count).to(at::kFloat)) : std::nullopt;
    y.narrow(-1, from, count).copy_(at::linear(wide, weight.narrow(0, from, count).to(at::kFloat), added));
  });
  return y;
}

// grad * w, the gradient of x in x * w^T, in grad's type.
at::Tensor times_weight(const at::Tensor& grad, const at::Tensor& weight) {
  if (!is_slow(grad)) return at::matmul(grad, weight.to(grad.scalar_type()));
  if (rows_of(grad) < kWideRows) return at::linear(grad, weight.to(grad.scalar_type()).t().contiguous());
  const at::Tensor wide = grad.to(at::kFloat).reshape({-1, weight.size(0)});
  at::Tensor dx = at::zeros({wide.size(0), weight.size(1)}, wide.options());
  for_parts(weight, [&](int64_t from, int64_t count) {
    dx.addmm_(wide.narrow(1, from, count), weight.narrow(0, from, count).to(at::kFloat));
  });
  std::vector<int64_t> sizes = grad.sizes().vec();
  sizes.back() = weight.size(1);
  return dx.to(grad.scalar_type()).reshape(sizes);
}

// grad^T * x over all rows, the gradient of w in x * w^T, in grad's type.
at::Tensor rows_product(const at::Tensor& grad, const at::Tensor& x) {
  const auto flat = [&](const at::Tensor& y) {
    const at::Tensor rows = y.reshape({-1, y.size(-1)});
    return is_slow(grad) ? rows.to(at::kFloat) : rows;
  };
  return at::mm(flat(grad).t(), flat(x)).to(grad.scalar_type());
}

// y = x * w^T + b in 16 bits on a host. Weight and bias may want gradients or not; only what they need is kept.
struct HostLinear : torch::autograd::Function<HostLinear> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
      const std::optional<at::Tensor>& bias) {
    context->save_for_backward({weight, weight.requires_grad() ? x : at::Tensor()});
    context->saved_data["biased"] = bias.has_value();
    return product(x, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& grad = grads[0];
    at::Tensor dx, dw, db;
    if (context->needs_input_grad(0)) dx = times_weight(grad, saved[0]);
    if (context->needs_input_grad(1)) dw = rows_product(grad, saved[1]);
    if (context->saved_data["biased"].toBool() && context->needs_input_grad(2)) {
      db = grad.reshape({-1, grad.size(-1)}).sum(0, false, at::kFloat).to(grad.scalar_type());
    }
    return {dx, dw, db};
  }
};

// y = x * w^T for a quantised weight. Scales of rows are applied to the product, which is smaller than the weight.
struct QuantizedLinear : torch::autograd::Function<QuantizedLinear> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& codes,
      const at::Tensor& scales, int64_t kind, int64_t out) {
    context->save_for_backward({codes, scales});
    context->saved_data["kind"] = kind;
    context->saved_data["in"] = x.size(-1);
    context->saved_data["out"] = out;
    if (kind == kNf4) return product(x, decode_nf4(codes, scales, {out, x.size(-1)}, x.scalar_type()));
    return product(x, codes).mul_(scales.view({-1}));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &codes = saved[0], &scales = saved[1], &grad = grads[0];
    const at::ScalarType dtype = grad.scalar_type();
    const Shape shape{context->saved_data["out"].toInt(), context->saved_data["in"].toInt()};
    const at::Tensor dx = context->saved_data["kind"].toInt() == kNf4
        ? times_weight(grad, decode_nf4(codes, scales, shape, dtype))
        : times_weight(grad.mul(scales.view({-1})).to(dtype), codes);
    return {dx, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

Kind kind_of(int32_t kind) {
  if (kind != kRows && kind != kNf4) throw Failure(WT_BAD_ARGUMENT, "no such kind of quantised weight");
  return static_cast<Kind>(kind);
}

void check_size(const at::Tensor& codes, Kind kind, Shape shape) {
  if (codes.numel() != (kind == kNf4 ? shape.out * shape.in / 2 : shape.out * shape.in)) {
    throw Failure(WT_BAD_ARGUMENT, "the codes are not those of a weight of this size");
  }
}

}  // namespace

int32_t wt_host_linear(int32_t x, int32_t weight, int32_t bias) {
  return guarded([&] {
    const std::optional<at::Tensor> added = bias ? std::optional(tensors.at(bias)) : std::nullopt;
    return put_tensor(HostLinear::apply(tensors.at(x), tensors.at(weight), added));
  });
}

int32_t wt_quantized_linear(int32_t x, int32_t codes, int32_t scales, int32_t kind, int32_t out) {
  return guarded([&] {
    const at::Tensor& input = tensors.at(x);
    check_size(tensors.at(codes), kind_of(kind), {out, input.size(-1)});
    return put_tensor(QuantizedLinear::apply(input, tensors.at(codes), tensors.at(scales), int64_t{kind_of(kind)}, int64_t{out}));
  });
}

int32_t wt_dequantize(int32_t codes, int32_t scales, int32_t kind, int32_t out, int32_t in, int32_t dtype) {
  return guarded([&] {
    check_size(tensors.at(codes), kind_of(kind), {out, in});
    return put_tensor(decode(tensors.at(codes), tensors.at(scales), kind_of(kind), {out, in}, static_cast<at::ScalarType>(dtype)));
  });
}
