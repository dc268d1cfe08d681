#pragma once

#include "clipq/core/json.h"

namespace clipq {

/// How fast all threads together read memory that isn't in any core's private caches.
struct MemoryBandwidth {
  double gigabytes_per_second = 0;  ///< 10^9 bytes
  std::int64_t buffer_bytes = 0;    ///< what was read, again and again; the last-level cache may
                                    ///< hold some of it
};

/// Measures it: the best of several passes over a buffer of twice the last-level cache, from 256
/// MiB to 1 GiB, which is freed again.
MemoryBandwidth measure_memory_bandwidth();

/// Its members by their names.
Json to_json(const MemoryBandwidth& bandwidth);

}  // namespace clipq
