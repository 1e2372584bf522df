// Buffers, handles, tensors, autograd, generators and devices. The rest has files of its own.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/headeronly/version.h>

#include "internal.h"

namespace wt {

double arguments[kWords];
double results[kWords];
uint8_t text[kText];
int32_t text_length = 0;

int32_t set_text(const char* message, size_t length) {
  text_length = static_cast<int32_t>(std::min<size_t>(length, kText));
  std::memcpy(text, message, text_length);
  return text_length;
}

// Whether an error without a type of its own says that memory ran out: the host's allocator; a driver, asked for pinned memory or
// for its own needs; a library of operators, asked for its workspace.
static bool tells_of_memory(const char* message) {
  const auto has = [&](const char* words) { return std::strstr(message, words) != nullptr; };
  return has("DefaultCPUAllocator") || has("CUDA error: out of memory") || has("HIP error: out of memory") ||
      has("STATUS_ALLOC_FAILED");
}

int32_t report_exception() noexcept {
  auto say = [](int32_t code, const char* message) {
    set_text(message, std::strlen(message));
    return code;
  };
  try {
    throw;
  } catch (const Failure& failure) {
    return say(failure.code, failure.what());
  } catch (const c10::OutOfMemoryError& error) {
    return say(WT_OUT_OF_MEMORY, error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const char* message = error.what_without_backtrace();
    return say(tells_of_memory(message) ? WT_OUT_OF_MEMORY : WT_ERROR, message);
  } catch (const std::bad_alloc&) {
    return say(WT_OUT_OF_MEMORY, "the host has no memory left");
  } catch (const std::exception& error) {
    return say(WT_ERROR, error.what());
  } catch (...) {
    return say(WT_ERROR, "an exception of unknown type");
  }
}

Table<at::Tensor>& tensors = *new Table<at::Tensor>("tensor");
Table<at::Generator>& generators = *new Table<at::Generator>("generator");

std::vector<int64_t> read_sizes(int32_t at) {
  const int32_t ndim = static_cast<int32_t>(arguments[at]);
  if (ndim < 0 || ndim > 64) throw Failure(WT_BAD_ARGUMENT, "a tensor has between 0 and 64 dimensions");
  std::vector<int64_t> sizes(ndim);
  for (int32_t i = 0; i < ndim; ++i) sizes[i] = static_cast<int64_t>(arguments[at + 1 + i]);
  return sizes;
}

}  // namespace wt

using namespace wt;

int32_t wt_abi() { return 5; }
double* wt_arguments() { return arguments; }
double* wt_results() { return results; }
uint8_t* wt_text() { return text; }
int32_t wt_words() { return kWords; }
int32_t wt_text_capacity() { return kText; }
int32_t wt_text_length() { return text_length; }
int32_t wt_live() { return tensors.live(); }
int32_t wt_torch_version() {
  return TORCH_VERSION_MAJOR * 10000 + TORCH_VERSION_MINOR * 100 + TORCH_VERSION_PATCH;
}

int32_t wt_free(int32_t handle) {
  return guarded([&] { return tensors.drop(handle), 0; });
}

int32_t wt_free_many(int32_t count) {
  return guarded([&] {
    for (int32_t i = 0; i < count; ++i) tensors.drop(static_cast<int32_t>(arguments[i]));
    return 0;
  });
}

int32_t wt_meta(int32_t handle) {
  return guarded([&] {
    const at::Tensor& tensor = tensors.at(handle);
    results[0] = static_cast<double>(tensor.scalar_type());
    results[1] = static_cast<double>(tensor.device().type());
    results[2] = static_cast<double>(tensor.device().has_index() ? tensor.device().index() : 0);
    results[3] = tensor.requires_grad();
    results[4] = tensor.is_contiguous();
    const auto sizes = tensor.sizes();
    for (size_t i = 0; i < sizes.size(); ++i) results[5 + i] = static_cast<double>(sizes[i]);
    return static_cast<int32_t>(sizes.size());
  });
}

int32_t wt_requires_grad(int32_t handle, int32_t on) {
  return guarded([&] { return tensors.at(handle).requires_grad_(on != 0), 0; });
}

int32_t wt_sole(int32_t handle) {
  return guarded([&]() -> int32_t {
    const at::Tensor& tensor = tensors.at(handle);
    if (tensor.use_count() != 1 || !tensor.has_storage() || !tensor.is_contiguous()) return 0;
    // Backward transposes many a gradient at the end: a view, which keeps the tensor it was made of. That one may be nobody else's.
    const bool of_a_base = tensor.is_view() && tensor._base().use_count() == 1 && tensor._base().numel() == tensor.numel();
    return tensor.storage().use_count() == (of_a_base ? 2 : 1);
  });
}

int32_t wt_item(int32_t handle) {
  return guarded([&] {
    results[0] = tensors.at(handle).item().toDouble();
    return 0;
  });
}

static at::Tensor& host_contiguous(int32_t handle, double length) {
  at::Tensor& tensor = tensors.at(handle);
  if (!tensor.device().is_cpu() || !tensor.is_contiguous()) {
    throw Failure(WT_BAD_ARGUMENT, "bytes can only be copied to and from a contiguous host tensor");
  }
  if (static_cast<double>(tensor.nbytes()) != length) {
    throw Failure(WT_BAD_ARGUMENT, "the tensor has " + std::to_string(tensor.nbytes()) + " bytes, the buffer " +
                                       std::to_string(static_cast<int64_t>(length)));
  }
  return tensor;
}

int32_t wt_bytes_in(int32_t handle, const uint8_t* bytes, double length) {
  return guarded([&] {
    at::Tensor& tensor = host_contiguous(handle, length);
    if (tensor.nbytes()) std::memcpy(tensor.mutable_data_ptr(), bytes, tensor.nbytes());
    return 0;
  });
}

int32_t wt_bytes_out(int32_t handle, uint8_t* bytes, double length) {
  return guarded([&] {
    const at::Tensor& tensor = host_contiguous(handle, length);
    if (tensor.nbytes()) std::memcpy(bytes, tensor.const_data_ptr(), tensor.nbytes());
    return 0;
  });
}

void* wt_data(int32_t handle) {
  void* address = nullptr;
  guarded([&] {
    const at::Tensor& tensor = tensors.at(handle);
    if (tensor.device().is_cpu() && tensor.is_contiguous()) address = const_cast<void*>(tensor.const_data_ptr());
    return 0;
  });
  return address;
}

int32_t wt_grad_mode(int32_t on) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(on != 0);
  return before;
}

int32_t wt_autograd_grad(int32_t outputs, int32_t inputs, int32_t flags) {
  return guarded([&] {
    if (outputs < 0 || inputs < 0 || 2 * int64_t{outputs} + inputs > kWords) {
      throw Failure(WT_BAD_ARGUMENT, "too many tensors for one call");
    }
    torch::autograd::variable_list of, seeds, with_respect_to;
    for (int32_t i = 0; i < outputs; ++i) of.push_back(tensors.at(static_cast<int32_t>(arguments[i])));
    for (int32_t i = outputs; i < 2 * outputs; ++i) {
      const int32_t handle = static_cast<int32_t>(arguments[i]);
      seeds.push_back(handle ? tensors.at(handle) : at::Tensor());
    }
    for (int32_t i = 0; i < inputs; ++i) {
      with_respect_to.push_back(tensors.at(static_cast<int32_t>(arguments[2 * outputs + i])));
    }
    auto grads = torch::autograd::grad(of, with_respect_to, seeds, (flags & 1) != 0, false, (flags & 2) != 0);
    for (size_t i = 0; i < grads.size(); ++i) results[i] = put_tensor(std::move(grads[i]));
    return static_cast<int32_t>(grads.size());
  });
}

int32_t wt_generator(int32_t device_type, int32_t device_index, double seed_high, double seed_low) {
  return guarded([&] {
    const auto type = static_cast<c10::DeviceType>(device_type);
    const uint64_t seed = (static_cast<uint64_t>(seed_high) << 32) | static_cast<uint64_t>(seed_low);
    at::Generator generator = type == c10::DeviceType::CPU
        ? at::detail::createCPUGenerator(seed)
        : at::globalContext().getAcceleratorHooksInterface(type).getNewGenerator(
              static_cast<c10::DeviceIndex>(device_index));
    generator.set_current_seed(seed);
    return generators.put(std::move(generator));
  });
}

int32_t wt_generator_free(int32_t handle) {
  return guarded([&] { return generators.drop(handle), 0; });
}

int32_t wt_device_count(int32_t device_type) {
  return guarded([&]() -> int32_t {
    const auto type = static_cast<c10::DeviceType>(device_type);
    if (type == c10::DeviceType::CPU) return 1;
    if (!c10::impl::hasDeviceGuardImpl(type)) return 0;
    return c10::impl::VirtualGuardImpl(type).deviceCount();
  });
}

int32_t wt_synchronize(int32_t device_type, int32_t device_index) {
  return guarded([&] {
    const auto type = static_cast<c10::DeviceType>(device_type);
    if (type != c10::DeviceType::CPU) {
      c10::impl::VirtualGuardImpl(type).synchronizeDevice(static_cast<c10::DeviceIndex>(device_index));
    }
    return 0;
  });
}

int32_t wt_deterministic(int32_t on) {
  return guarded([&] {
    // Not "warn only": with it attention keeps its faster backward. Memory is not filled: nothing here reads what it did not write.
    at::globalContext().setDeterministicAlgorithms(on != 0, false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
    return 0;
  });
}

int32_t wt_threads(int32_t count) {
  return guarded([&] {
    if (count > 0) at::set_num_threads(count);
    return static_cast<int32_t>(at::get_num_threads());
  });
}
