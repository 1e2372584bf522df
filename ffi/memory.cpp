// Memory of devices and of the host: how much tensors hold now and held at most, and how much they may.
#include <ATen/Context.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>

#include "internal.h"

using namespace wt;

namespace {

std::atomic<int64_t> live{0}, peak{0}, limit{0};

void release(void* data) {
  live -= static_cast<int64_t>(malloc_usable_size(data));
  c10::free_cpu(data);
}

// libtorch's own allocator, counted. Sizes are what the system gave, so that nothing need be kept beside the data.
struct CountingAllocator final : at::Allocator {
  at::DataPtr allocate(size_t bytes) override {
    const int64_t most = limit;
    if (most > 0 && live + static_cast<int64_t>(bytes) > most) {
      throw Failure(WT_OUT_OF_MEMORY, "the host's tensors may take " + std::to_string(most) + " bytes, hold " +
          std::to_string(live.load()) + " and want " + std::to_string(bytes) + " more");
    }
    void* data = c10::alloc_cpu(bytes);
    if (data != nullptr) {
      const int64_t now = live += static_cast<int64_t>(malloc_usable_size(data));
      int64_t before = peak;
      while (now > before && !peak.compare_exchange_weak(before, now)) {
      }
    }
    return {data, data, &release, at::Device(at::DeviceType::CPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

// Counts from when the library is loaded on; never destroyed, as tensors may outlive everything here.
const bool counting = [] { return c10::SetCPUAllocator(new CountingAllocator), true; }();

bool is_host(int32_t device_type) { return static_cast<c10::DeviceType>(device_type) == c10::DeviceType::CPU; }

// A card's allocator knows no device before the first tensor is made there, unless the card is set up first.
c10::DeviceAllocator& allocator_of(int32_t device_type) {
  const auto type = static_cast<c10::DeviceType>(device_type);
  at::globalContext().lazyInitDevice(type);
  return *at::getDeviceAllocator(type);
}

// Bytes that the driver has left, or -1 where this libtorch cannot tell.
template <typename Allocator>
double free_bytes(Allocator& allocator, c10::DeviceIndex index) {
  if constexpr (requires { allocator.getMemoryInfo(index); }) {
    return static_cast<double>(allocator.getMemoryInfo(index).first);
  } else {
    return -1;
  }
}

}  // namespace

int32_t wt_memory(int32_t device_type, int32_t device_index) {
  return guarded([&] {
    if (is_host(device_type)) {
      results[0] = results[2] = static_cast<double>(live);
      results[1] = static_cast<double>(peak);
      results[3] = -1;
      return 0;
    }
    const auto stats = allocator_of(device_type).getDeviceStats(static_cast<c10::DeviceIndex>(device_index));
    results[0] = static_cast<double>(stats.allocated_bytes[0].current);
    results[1] = static_cast<double>(stats.allocated_bytes[0].peak);
    results[2] = static_cast<double>(stats.reserved_bytes[0].current);
    results[3] = free_bytes(allocator_of(device_type), static_cast<c10::DeviceIndex>(device_index));
    return 0;
  });
}

int32_t wt_reset_peak(int32_t device_type, int32_t device_index) {
  return guarded([&] {
    if (is_host(device_type)) peak = live.load();
    else allocator_of(device_type).resetPeakStats(static_cast<c10::DeviceIndex>(device_index));
    return 0;
  });
}

int32_t wt_empty_cache(int32_t device_type) {
  return guarded([&] {
    if (is_host(device_type)) ::malloc_trim(0);
    else allocator_of(device_type).emptyCache();
    return 0;
  });
}

int32_t wt_limit_host_memory(double bytes) {
  return guarded([&] { return limit = static_cast<int64_t>(bytes), 0; });
}

int32_t wt_keep_host_memory(double bytes) {
  // Blocks up to 32 MiB (glibc's limit) come from the heap, of which so much stays when it is free: getting it from the
  // system again costs a page fault every 4 KiB. Without "fast bins", which tensors' aligned blocks sweep all the time.
  const int kept = static_cast<int>(std::min(std::max(bytes, 0.0), 2147483647.0));
  return mallopt(M_MMAP_THRESHOLD, 32 << 20) && mallopt(M_TRIM_THRESHOLD, kept) && mallopt(M_MXFAST, 0) ? 1 : 0;
}
