// Streams and events: copies that run beside computing. A host has neither, so none of this is called for it.
#include <ATen/Context.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <memory>
#include <optional>

#include "internal.h"

using namespace wt;

namespace {

Table<std::optional<c10::Stream>>& streams() {
  static auto* table = new Table<std::optional<c10::Stream>>("stream");
  return *table;
}

Table<std::unique_ptr<c10::Event>>& events() {
  static auto* table = new Table<std::unique_ptr<c10::Event>>("event");
  return *table;
}

c10::Device device_of(int32_t type, int32_t index) {
  return c10::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index));
}

c10::Stream current_stream(c10::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

int32_t wt_stream(int32_t device_type, int32_t device_index) {
  return guarded([&] {
    const c10::Device device = device_of(device_type, device_index);
    at::globalContext().lazyInitDevice(device.type());
    return streams().put(c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device));
  });
}

int32_t wt_stream_swap(int32_t handle) {
  return guarded([&] {
    std::optional<c10::Stream>& stream = streams().at(handle);
    stream = c10::impl::VirtualGuardImpl(stream->device_type()).exchangeStream(*stream);
    return 0;
  });
}

int32_t wt_stream_free(int32_t handle) {
  return guarded([&] { return streams().drop(handle), 0; });
}

int32_t wt_event(int32_t device_type) {
  return guarded([&] { return events().put(std::make_unique<c10::Event>(static_cast<c10::DeviceType>(device_type))); });
}

int32_t wt_event_record(int32_t handle, int32_t device_type, int32_t device_index) {
  return guarded([&] { return events().at(handle)->record(current_stream(device_of(device_type, device_index))), 0; });
}

int32_t wt_event_wait(int32_t handle, int32_t device_type, int32_t device_index) {
  return guarded([&] { return events().at(handle)->block(current_stream(device_of(device_type, device_index))), 0; });
}

int32_t wt_event_free(int32_t handle) {
  return guarded([&] { return events().drop(handle), 0; });
}
