// Memory of devices and of the host: how much tensors hold now and held at most, and how much they may.
#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>

#include <algorithm>

#include "host_allocator.h"
#include "internal.h"

using namespace wt;

namespace {

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
      const HostFigures host = host_figures();
      results[0] = static_cast<double>(host.live);
      results[1] = static_cast<double>(host.peak);
      results[2] = static_cast<double>(host.live + host.cached);
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
    if (is_host(device_type)) reset_host_peak();
    else allocator_of(device_type).resetPeakStats(static_cast<c10::DeviceIndex>(device_index));
    return 0;
  });
}

int32_t wt_empty_cache(int32_t device_type) {
  return guarded([&] {
    if (is_host(device_type)) {
      drop_host_cache();
      ::malloc_trim(0);
    } else {
      allocator_of(device_type).emptyCache();
    }
    return 0;
  });
}

int32_t wt_limit_host_memory(double bytes) {
  return guarded([&] { return limit_host(static_cast<int64_t>(bytes)), 0; });
}

int32_t wt_keep_host_memory(double bytes) {
  keep_host(static_cast<int64_t>(bytes));
  // The same for what libraries and small tensors have of the heap, blocks of up to 32 MiB (glibc's limit). Without "fast bins",
  // which tensors' aligned blocks sweep all the time.
  const int kept = static_cast<int>(std::min(std::max(bytes, 0.0), 2147483647.0));
  return mallopt(M_MMAP_THRESHOLD, 32 << 20) && mallopt(M_TRIM_THRESHOLD, kept) && mallopt(M_MXFAST, 0) ? 1 : 0;
}
