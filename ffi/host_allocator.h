// The host's memory for tensors: counted, limited, and kept for the next tensors when it is freed.
#pragma once
#include <cstdint>

namespace wt {

struct HostFigures {
  int64_t live, peak, cached;  // bytes: of tensors now, of tensors at most, and kept for the next ones
};

HostFigures host_figures();
void reset_host_peak();
void limit_host(int64_t bytes);  // tensors may hold no more in all; 0: no limit
void keep_host(int64_t bytes);   // the most that is kept
void drop_host_cache();

}  // namespace wt
