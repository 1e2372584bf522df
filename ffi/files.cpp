// Weight files: mapped without copying, or read straight into a fresh tensor.
#include <ATen/Functions.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "internal.h"

using namespace wt;

namespace {

std::string path_argument(int32_t length) { return std::string(reinterpret_cast<const char*>(text), length); }

[[noreturn]] void fail(const std::string& attempt, const std::string& path) {
  throw Failure(WT_FILE, "cannot " + attempt + " " + path + ": " + std::strerror(errno));
}

struct Descriptor {
  int fd;
  explicit Descriptor(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd < 0) fail("open", path);
  }
  ~Descriptor() { ::close(fd); }
};

// Private and writable: an in-place operator on a mapped weight changes this process's copy, never the file.
struct Mapping {
  uint8_t* base = nullptr;
  size_t size = 0;
  explicit Mapping(const std::string& path) {
    Descriptor file(path);
    struct stat info {};
    if (::fstat(file.fd, &info) != 0) fail("examine", path);
    size = static_cast<size_t>(info.st_size);
    if (size == 0) throw Failure(WT_FILE, "cannot map " + path + ": the file is empty");
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.fd, 0);
    if (address == MAP_FAILED) fail("map", path);
    base = static_cast<uint8_t*>(address);
  }
  ~Mapping() { ::munmap(base, size); }
};

using MappingPointer = std::shared_ptr<Mapping>;
Table<MappingPointer>& mappings() {
  static auto* table = new Table<MappingPointer>("file mapping");
  return *table;
}

struct Request {
  at::ScalarType dtype;
  size_t offset;
  std::vector<int64_t> sizes;
  size_t bytes;
};

Request read_request() {
  Request request{static_cast<at::ScalarType>(static_cast<int>(arguments[0])), static_cast<size_t>(arguments[1]), read_sizes(2), 0};
  request.bytes = c10::elementSize(request.dtype);
  for (const int64_t size : request.sizes) {
    if (size < 0 || __builtin_mul_overflow(request.bytes, static_cast<size_t>(size), &request.bytes)) {
      throw Failure(WT_BAD_ARGUMENT, "a tensor size is negative or too large");
    }
  }
  return request;
}

}  // namespace

int32_t wt_map(int32_t length) {
  return guarded([&] {
    auto mapping = std::make_shared<Mapping>(path_argument(length));
    results[0] = static_cast<double>(mapping->size);
    return mappings().put(std::move(mapping));
  });
}

int32_t wt_map_tensor(int32_t handle) {
  return guarded([&] {
    MappingPointer mapping = mappings().at(handle);
    const Request request = read_request();
    if (request.offset > mapping->size || request.bytes > mapping->size - request.offset) {
      throw Failure(WT_BAD_ARGUMENT, "a tensor lies outside its file");
    }
    uint8_t* address = mapping->base + request.offset;
    const auto options = at::TensorOptions().dtype(request.dtype);
    if (reinterpret_cast<uintptr_t>(address) % c10::elementSize(request.dtype) != 0) {
      at::Tensor copy = at::empty(request.sizes, options);
      if (request.bytes) std::memcpy(copy.mutable_data_ptr(), address, request.bytes);
      return put_tensor(std::move(copy));
    }
    return put_tensor(at::from_blob(address, request.sizes, [mapping](void*) {}, options));
  });
}

int32_t wt_unmap(int32_t handle) {
  return guarded([&] { return mappings().drop(handle), 0; });
}

int32_t wt_read_tensor(int32_t length) {
  return guarded([&] {
    const std::string path = path_argument(length);
    const Request request = read_request();
    Descriptor file(path);
    struct stat info {};
    if (::fstat(file.fd, &info) != 0) fail("examine", path);
    const auto size = static_cast<size_t>(info.st_size);
    if (request.offset > size || request.bytes > size - request.offset) {
      throw Failure(WT_FILE, "cannot read " + path + ": the tensor lies outside the file");
    }
    at::Tensor tensor = at::empty(request.sizes, at::TensorOptions().dtype(request.dtype));
    auto* target = static_cast<uint8_t*>(tensor.mutable_data_ptr());
    for (size_t done = 0; done < request.bytes;) {
      const ssize_t got = ::pread(file.fd, target + done, request.bytes - done, static_cast<off_t>(request.offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("read", path);
      if (got == 0) throw Failure(WT_FILE, "cannot read " + path + ": it became shorter meanwhile");
      done += static_cast<size_t>(got);
    }
    return put_tensor(std::move(tensor));
  });
}

int32_t wt_prefetch(int32_t length, double offset, double bytes) {
  return guarded([&] {
    Descriptor file(path_argument(length));
    return ::posix_fadvise(file.fd, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED) == 0 ? 1 : 0;
  });
}
