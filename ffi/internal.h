// What the parts of the shim share: buffers, handle tables, and the one place where exceptions become codes.
#pragma once
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "shim.h"

namespace wt {

constexpr int32_t kWords = 1 << 16;
constexpr int32_t kText = 1 << 16;

extern double arguments[kWords];
extern double results[kWords];
extern uint8_t text[kText];
extern int32_t text_length;

int32_t set_text(const char* message, size_t length);

// A failure of the boundary itself, with its code.
struct Failure : std::runtime_error {
  int32_t code;
  Failure(int32_t code, const std::string& message) : std::runtime_error(message), code(code) {}
};

// Runs one body and turns whatever it throws into a code and a text.
int32_t report_exception() noexcept;
template <typename Body>
int32_t guarded(Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    return report_exception();
  }
}

// A table of values behind generation-checked handles.
template <typename Value>
class Table {
 public:
  explicit Table(const char* kind) : kind_(kind) {}

  int32_t put(Value&& value) {
    if (free_.empty()) grow();
    const uint32_t slot = free_.back();
    free_.pop_back();
    Slot& entry = slots_[slot];
    entry.value = std::move(value);
    entry.handle = static_cast<int32_t>(slot | (static_cast<uint32_t>(entry.generation) << kSlotBits));
    ++live_;
    return entry.handle;
  }

  Value& at(int32_t handle) { return slots_[slot_of(handle)].value; }

  void drop(int32_t handle) {
    const uint32_t slot = slot_of(handle);
    Slot& entry = slots_[slot];
    entry.value = Value();
    entry.handle = 0;
    ++entry.generation;  // wraps at 256
    free_.push_back(slot);
    --live_;
  }

  int32_t live() const { return live_; }

 private:
  static constexpr uint32_t kSlotBits = 23;
  static constexpr uint32_t kSlotMask = (1u << kSlotBits) - 1;
  struct Slot {
    Value value{};
    int32_t handle = 0;  // what was given out for it; 0 while it is free
    uint8_t generation = 0;
  };

  uint32_t slot_of(int32_t handle) const {
    const uint32_t slot = static_cast<uint32_t>(handle) & kSlotMask;
    if (slot >= slots_.size() || slots_[slot].handle != handle || handle == 0) [[unlikely]] {
      throw Failure(WT_BAD_HANDLE, std::string("the ") + kind_ + " behind this handle was freed or never existed");
    }
    return slot;
  }

  void grow() {
    const uint32_t slot = static_cast<uint32_t>(slots_.size());
    if (slot > kSlotMask) throw Failure(WT_ERROR, std::string("more than 8,388,607 live handles of kind ") + kind_);
    slots_.emplace_back();
    free_.push_back(slot);
  }

  const char* kind_;
  std::vector<Slot> slots_{1};  // slot 0 is never given out, so that no handle is zero
  std::vector<uint32_t> free_;
  int32_t live_ = 0;
};

// Never destroyed: at process exit libtorch may be gone before the tables would be.
extern Table<at::Tensor>& tensors;
extern Table<at::Generator>& generators;

inline int32_t put_tensor(at::Tensor tensor) { return tensor.defined() ? tensors.put(std::move(tensor)) : 0; }

// Sizes written as `ndim, sizes` from `arguments[at]` on.
std::vector<int64_t> read_sizes(int32_t at);

}  // namespace wt
