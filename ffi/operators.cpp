// One call for every operator: arguments are boxed onto the dispatcher's stack, results unboxed into handles.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <algorithm>

#include "internal.h"

using namespace wt;

namespace {

std::vector<c10::OperatorHandle>& operators() {
  static auto* list = new std::vector<c10::OperatorHandle>();
  return *list;
}

c10::OperatorHandle& operator_at(int32_t op) {
  auto& list = operators();
  if (op < 0 || static_cast<size_t>(op) >= list.size()) throw Failure(WT_BAD_ARGUMENT, "no operator of this number");
  return list[op];
}

// A cursor over the argument words; bounds are checked so that a wrong count cannot read past the buffer.
struct Words {
  int32_t at = 0;
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
};

template <typename Element, typename Next>
c10::IValue list_of(Words& words, Next&& next) {
  const int32_t n = words.count();
  c10::List<Element> list;
  list.reserve(n);
  for (int32_t i = 0; i < n; ++i) list.push_back(next());
  return list;
}

c10::IValue read_value(Words& words, const c10::FunctionSchema& schema, size_t index) {
  switch (static_cast<WtTag>(words.handle())) {
    case WT_NONE:
      return {};
    case WT_TENSOR:
      return tensors().at(words.handle());
    case WT_INT:
      return words.integer();
    case WT_FLOAT:
      return words.next();
    case WT_BOOL:
      return words.next() != 0;
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
    case WT_SCALARS:
      // A dispatcher list of scalars is a generic list of numbers.
      return [&] {
        const int32_t n = words.count();
        c10::impl::GenericList list(c10::NumberType::get());
        for (int32_t i = 0; i < n; ++i) list.push_back(c10::IValue(words.next()));
        return c10::IValue(list);
      }();
    case WT_TENSORS:
      return list_of<at::Tensor>(words, [&] { return tensors().at(words.handle()); });
    case WT_OPTIONAL_TENSORS:
      return list_of<std::optional<at::Tensor>>(words, [&]() -> std::optional<at::Tensor> {
        const int32_t handle = words.handle();
        if (!handle) return std::nullopt;
        return tensors().at(handle);
      });
    case WT_DEVICE: {
      const auto type = static_cast<c10::DeviceType>(words.handle());
      return c10::Device(type, static_cast<c10::DeviceIndex>(words.handle()));
    }
    case WT_GENERATOR:
      return generators().at(words.handle());
    case WT_DEFAULT:
      break;
    default:
      throw Failure(WT_BAD_ARGUMENT, "unknown argument tag");
  }
  const auto& value = schema.arguments()[index].default_value();
  if (!value.has_value()) {
    throw Failure(WT_BAD_ARGUMENT, "argument " + schema.arguments()[index].name() + " has no default value");
  }
  return *value;
}

// The dispatcher's stack is kept between calls so that a call allocates nothing for it.
torch::jit::Stack& run(int32_t op, int32_t nargs) {
  static auto* stack = new torch::jit::Stack();
  stack->clear();
  const c10::OperatorHandle& handle = operator_at(op);
  const c10::FunctionSchema& schema = handle.schema();
  const size_t wanted = schema.arguments().size();
  if (static_cast<size_t>(nargs) > wanted) throw Failure(WT_BAD_ARGUMENT, "more arguments than " + toString(schema));
  Words words;
  for (int32_t i = 0; i < nargs; ++i) stack->push_back(read_value(words, schema, i));
  for (size_t i = nargs; i < wanted; ++i) {
    const auto& value = schema.arguments()[i].default_value();
    if (!value.has_value()) throw Failure(WT_BAD_ARGUMENT, "argument " + schema.arguments()[i].name() + " is missing");
    stack->push_back(*value);
  }
  handle.callBoxed(*stack);
  return *stack;
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
    auto& known = operators();
    // A second isolate of this process gets the same numbers.
    const auto same = std::find_if(known.begin(), known.end(), [&](const auto& op) { return op.operator_name() == name; });
    if (same != known.end()) return static_cast<int32_t>(same - known.begin());
    known.push_back(*handle);
    return static_cast<int32_t>(known.size() - 1);
  });
}

int32_t wt_schema(int32_t op) {
  return guarded([&] {
    const std::string schema = toString(operator_at(op).schema());
    return set_text(schema.data(), schema.size());
  });
}

int32_t wt_call(int32_t op, int32_t nargs) {
  return guarded([&]() -> int32_t {
    auto& stack = run(op, nargs);
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
  return guarded([&] { return run(op, nargs).clear(), 0; });
}
