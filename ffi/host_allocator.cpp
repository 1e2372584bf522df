// The host's allocator in the place of libtorch's own. A step frees what its graphs held, and the next one wants the same sizes back:
// getting them from the system again costs a page fault every 4 KiB. So large freed blocks are kept, each by its size, but never
// so many that they and the tensors together take more than the tensors alone once did: nothing is lost to fragments, and what
// tensors hold at most is what the process takes for them.
#include "host_allocator.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#include "internal.h"

using namespace wt;

namespace {

// Smaller blocks are the heap's: together they are little, and rounding them up to pages would lose much.
constexpr int64_t kLarge = 256 << 10;
constexpr int64_t kPage = 4096;

std::mutex mutex;
int64_t live = 0, peak = 0, most = 0, cached = 0, limit = 0, kept = 0;  // most: the peak that is never started anew
auto& sizes = *new std::unordered_map<void*, int64_t>;                   // of the large blocks in use
auto& spare = *new std::multimap<int64_t, void*>;                        // large blocks that are kept, by size

// Gives the largest spare blocks back until at most so many bytes are left.
void drop_spare(int64_t left) {
  while (cached > left && !spare.empty()) {
    const auto last = std::prev(spare.end());
    ::munmap(last->second, static_cast<size_t>(last->first));
    cached -= last->first;
    spare.erase(last);
  }
}

// A spare block of exactly this size; or, where a fresh one would be too much, the front of a larger one.
void* from_spare(int64_t size) {
  const auto found = spare.lower_bound(size);
  if (found == spare.end()) return nullptr;
  const auto [whole, data] = *found;
  if (whole != size) {
    if (live + cached + size <= most) return nullptr;
    ::munmap(static_cast<uint8_t*>(data) + size, static_cast<size_t>(whole - size));
  }
  cached -= whole;
  spare.erase(found);
  return data;
}

void* from_system(int64_t size) {
  drop_spare(std::max<int64_t>(0, most - live - size));
  const auto map = [size] { return ::mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); };
  void* data = map();
  if (data == MAP_FAILED) {
    drop_spare(0);
    data = map();
  }
  if (data == MAP_FAILED) throw Failure(WT_OUT_OF_MEMORY, "the system has no " + std::to_string(size) + " bytes");
  return data;
}

void release(void* data) {
  if (data == nullptr) return;
  const std::lock_guard lock(mutex);
  const auto block = reinterpret_cast<uintptr_t>(data) % kPage == 0 ? sizes.find(data) : sizes.end();
  if (block == sizes.end()) {
    live -= static_cast<int64_t>(malloc_usable_size(data));
    return c10::free_cpu(data);
  }
  const int64_t size = block->second;
  sizes.erase(block);
  live -= size;
  if (cached + size > kept) {
    ::munmap(data, static_cast<size_t>(size));
    return;
  }
  spare.emplace(size, data);
  cached += size;
}

struct HostAllocator final : at::Allocator {
  at::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, at::Device(at::DeviceType::CPU)};
    const std::lock_guard lock(mutex);
    const auto wanted = static_cast<int64_t>(bytes);
    if (limit > 0 && live + wanted > limit) {
      throw Failure(WT_OUT_OF_MEMORY, "the host's tensors may take " + std::to_string(limit) + " bytes, hold " +
          std::to_string(live) + " and want " + std::to_string(bytes) + " more");
    }
    void* data;
    if (wanted < kLarge) {
      data = c10::alloc_cpu(bytes);
      live += static_cast<int64_t>(malloc_usable_size(data));
    } else {
      const int64_t size = (wanted + kPage - 1) / kPage * kPage;
      data = from_spare(size);
      if (data == nullptr) data = from_system(size);
      sizes.emplace(data, size);
      live += size;
    }
    peak = std::max(peak, live);
    most = std::max(most, live);
    return {data, data, &release, at::Device(at::DeviceType::CPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

// In place from when the library is loaded on; never destroyed, as tensors may outlive everything here.
const bool installed = [] { return c10::SetCPUAllocator(new HostAllocator), true; }();

}  // namespace

namespace wt {

HostFigures host_figures() {
  const std::lock_guard lock(mutex);
  return {live, peak, cached};
}

void reset_host_peak() {
  const std::lock_guard lock(mutex);
  peak = live;
}

void limit_host(int64_t bytes) {
  const std::lock_guard lock(mutex);
  limit = bytes;
}

void keep_host(int64_t bytes) {
  const std::lock_guard lock(mutex);
  kept = bytes;
  drop_spare(kept);
}

void drop_host_cache() {
  const std::lock_guard lock(mutex);
  drop_spare(0);
}

}  // namespace wt
