// One call for every operator: arguments are boxed onto the dispatcher's stack, results unboxed into handles.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "internal.h"

using namespace wt;

namespace {

// An operator with what its schema says, worked out once: asking the schema costs more than a small operator does.
struct Operator {
  c10::OperatorHandle handle;
  std::vector<std::optional<c10::IValue>> defaults;  // one for each argument
  bool fresh;  // no result shares memory with an argument and no argument is written to

  explicit Operator(const c10::OperatorHandle& found) : handle(found) {
    const c10::FunctionSchema& schema = handle.schema();
    fresh = true;
    for (const auto& argument : schema.arguments()) {
      defaults.push_back(argument.default_value());
      fresh = fresh && argument.alias_info() == nullptr;
    }
    for (const auto& result : schema.returns()) fresh = fresh && result.alias_info() == nullptr;
  }
};

// Never destroyed, as the handle tables.
std::vector<Operator>& operators = *new std::vector<Operator>();

Operator& operator_at(int32_t op) {
  if (op < 0 || static_cast<size_t>(op) >= operators.size()) throw Failure(WT_BAD_ARGUMENT, "no operator of this number");
  return operators[op];
}

// A cursor over the argument words; bounds are checked so that a wrong count cannot read past the buffer.
struct Words {
  int32_t at = 0;
  bool needs_graph = false;  // a tensor that was read wants a gradient

  double next() {
    if (at >= kWords) throw Failure(WT_BAD_ARGUMENT, "the arguments are longer than the argument buffer");
    return arguments[at++];
  }
  int32_t handle() { return static_cast<int32_t>(next()); }
  int64_t integer() { return static_cast<int64_t>(next()); }
  int32_t count() {
    const double n = next();
    if (!(n >= 0 && n <= kWords)) throw Failure(WT_BAD_ARGUMENT, "a list has an impossible length");
    return static_cast<int32_t>(n);
  }
  const at::Tensor& tensor() { return tensor(handle()); }
  const at::Tensor& tensor(int32_t handle) {
    const at::Tensor& found = tensors.at(handle);
    const at::TensorImpl* impl = found.unsafeGetTensorImpl();
    needs_graph = needs_graph || (impl->autograd_meta() != nullptr && impl->requires_grad());
    return found;
  }
};

template <typename Element, typename Next>
c10::IValue list_of(Words& words, Next&& next) {
  const int32_t n = words.count();
  c10::List<Element> list;
  list.reserve(n);
  for (int32_t i = 0; i < n; ++i) list.push_back(next());
  return list;
}

[[noreturn]] void no_default(const Operator& op, size_t index) {
  const auto& schema = op.handle.schema();
  throw Failure(WT_BAD_ARGUMENT, "argument " + schema.arguments()[index].name() + " has no default value");
}

// The values that are rarer than tensors, numbers and defaults.
c10::IValue read_other(Words& words, WtTag tag) {
  switch (tag) {
    case WT_NONE:
      return {};
    case WT_STRING: {
      const int32_t offset = words.handle();
      const int32_t length = words.handle();
      if (offset < 0 || length < 0 || offset + length > kText) throw Failure(WT_BAD_ARGUMENT, "a string lies outside the text buffer");
      return std::string(reinterpret_cast<const char*>(text) + offset, length);
    }
    case WT_INTS:
      return list_of<int64_t>(words, [&] { return words.integer(); });
    case WT_FLOATS:
      return list_of<double>(words, [&] { return words.next(); });
    case WT_BOOLS:
      return list_of<bool>(words, [&] { return words.next() != 0; });
    case WT_SCALARS: {
      // A dispatcher list of scalars is a generic list of numbers.
      const int32_t n = words.count();
      c10::impl::GenericList list(c10::NumberType::get());
      for (int32_t i = 0; i < n; ++i) list.push_back(c10::IValue(words.next()));
      return list;
    }
    case WT_TENSORS:
      return list_of<at::Tensor>(words, [&] { return words.tensor(); });
    case WT_OPTIONAL_TENSORS:
      return list_of<std::optional<at::Tensor>>(words, [&]() -> std::optional<at::Tensor> {
        const int32_t handle = words.handle();
        if (handle == 0) return std::nullopt;
        return words.tensor(handle);
      });
    case WT_DEVICE: {
      const auto type = static_cast<c10::DeviceType>(words.handle());
      return c10::Device(type, static_cast<c10::DeviceIndex>(words.handle()));
    }
    case WT_GENERATOR:
      return generators.at(words.handle());
    default:
      throw Failure(WT_BAD_ARGUMENT, "unknown argument tag");
  }
}

void push_argument(torch::jit::Stack& stack, Words& words, const Operator& op, size_t index) {
  const auto tag = static_cast<WtTag>(words.handle());
  switch (tag) {
    case WT_TENSOR:
      stack.emplace_back(words.tensor());
      return;
    case WT_INT:
      stack.emplace_back(words.integer());
      return;
    case WT_FLOAT:
      stack.emplace_back(words.next());
      return;
    case WT_BOOL:
      stack.emplace_back(words.next() != 0);
      return;
    case WT_DEFAULT:
      if (!op.defaults[index].has_value()) no_default(op, index);
      stack.emplace_back(*op.defaults[index]);
      return;
    default:
      stack.push_back(read_other(words, tag));
  }
}

// The dispatcher's stack is kept between calls so that a call allocates nothing for it.
torch::jit::Stack& stack = *new torch::jit::Stack();

void run(int32_t number, int32_t nargs) {
  stack.clear();  // an exception leaves arguments behind
  const Operator& op = operator_at(number);
  const size_t wanted = op.defaults.size();
  if (static_cast<size_t>(nargs) > wanted) throw Failure(WT_BAD_ARGUMENT, "more arguments than " + toString(op.handle.schema()));
  Words words;
  for (int32_t i = 0; i < nargs; ++i) push_argument(stack, words, op, i);
  for (size_t i = nargs; i < wanted; ++i) {
    if (!op.defaults[i].has_value()) no_default(op, i);
    stack.emplace_back(*op.defaults[i]);
  }
  if (op.fresh && !(words.needs_graph && c10::GradMode::is_enabled())) {
    // Nothing to record: neither a graph, nor a view, nor a write. Autograd's layers would find that out, at a cost.
    c10::impl::ExcludeDispatchKeyGuard below_autograd(c10::autograd_dispatch_keyset_with_ADInplaceOrView);
    op.handle.callBoxed(stack);
  } else {
    op.handle.callBoxed(stack);
  }
}

void push_result(int32_t& at, double word) {
  if (at >= kWords) throw Failure(WT_ERROR, "the results are longer than the result buffer");
  results[at++] = word;
}

void write_value(int32_t& at, c10::IValue& value) {
  if (value.isTensor()) {
    push_result(at, WT_TENSOR);
    push_result(at, put_tensor(std::move(value).toTensor()));
  } else if (value.isTensorList()) {
    auto list = std::move(value).toTensorVector();
    push_result(at, WT_TENSORS);
    push_result(at, static_cast<double>(list.size()));
    for (auto& tensor : list) push_result(at, put_tensor(std::move(tensor)));
  } else if (value.isInt()) {
    push_result(at, WT_INT);
    push_result(at, static_cast<double>(value.toInt()));
  } else if (value.isDouble()) {
    push_result(at, WT_FLOAT);
    push_result(at, value.toDouble());
  } else if (value.isBool()) {
    push_result(at, WT_BOOL);
    push_result(at, value.toBool());
  } else if (value.isNone()) {
    push_result(at, WT_NONE);
  } else {
    throw Failure(WT_ERROR, "a result of type " + value.tagKind() + " cannot be returned");
  }
}

}  // namespace

int32_t wt_operator(int32_t length) {
  return guarded([&] {
    const std::string full(reinterpret_cast<const char*>(text), length);
    const size_t dot = full.find('.');
    const c10::OperatorName name(full.substr(0, dot), dot == std::string::npos ? "" : full.substr(dot + 1));
    const auto handle = c10::Dispatcher::singleton().findSchema(name);
    if (!handle.has_value()) throw Failure(WT_NO_OPERATOR, "libtorch has no operator " + full);
    // A second isolate of this process gets the same numbers.
    const auto same = std::find_if(operators.begin(), operators.end(), [&](const Operator& op) {
      return op.handle.operator_name() == name;
    });
    if (same != operators.end()) return static_cast<int32_t>(same - operators.begin());
    operators.emplace_back(*handle);
    return static_cast<int32_t>(operators.size() - 1);
  });
}

int32_t wt_schema(int32_t op) {
  return guarded([&] {
    const std::string schema = toString(operator_at(op).handle.schema());
    return set_text(schema.data(), schema.size());
  });
}

int32_t wt_call(int32_t op, int32_t nargs) {
  return guarded([&]() -> int32_t {
    run(op, nargs);
    if (stack.size() == 1 && stack[0].isTensor()) {
      const int32_t handle = put_tensor(std::move(stack[0]).toTensor());
      stack.clear();
      if (handle) return handle;
      results[0] = 1;
      results[1] = WT_TENSOR;
      results[2] = 0;
      return 0;
    }
    int32_t at = 0;
    push_result(at, static_cast<double>(stack.size()));
    for (auto& value : stack) write_value(at, value);
    stack.clear();
    return 0;
  });
}

int32_t wt_call_void(int32_t op, int32_t nargs) {
  return guarded([&] {
    run(op, nargs);
    stack.clear();
    return 0;
  });
}
