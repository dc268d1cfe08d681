#include "clipq/bench/memory_bandwidth.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <vector>

#include "shortest_time.h"

namespace clipq {
namespace {

/// What a pass over the buffer is cut into for the threads.
constexpr std::int64_t kWordsOfPart = 1 << 17;

std::int64_t buffer_bytes() {
  constexpr std::int64_t kLeast = std::int64_t{256} << 20;
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  return std::clamp<std::int64_t>(2 * sysconf(_SC_LEVEL3_CACHE_SIZE), kLeast, kMost);
}

std::uint64_t sum_of(const std::uint64_t* words) {
  std::array<std::uint64_t, 8> sums{};
  for (std::int64_t i = 0; i < kWordsOfPart; i += sums.size()) {
    for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += words[i + lane];
  }
  return std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
}

}  // namespace

MemoryBandwidth measure_memory_bandwidth() {
  const std::int64_t parts = buffer_bytes() / 8 / kWordsOfPart;
  std::vector<std::uint64_t> words(static_cast<std::size_t>(parts * kWordsOfPart), 1);
  std::atomic<std::uint64_t> total = 0;
  const double seconds = shortest_seconds([&] {
    at::parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
      std::uint64_t sum = 0;
      for (std::int64_t part = begin; part < end; ++part) {
        sum += sum_of(words.data() + part * kWordsOfPart);
      }
      total += sum;
    });
  });
  const auto bytes = static_cast<std::int64_t>(words.size()) * 8;
  return {1e-9 * static_cast<double>(bytes) / seconds, bytes};
}

Json to_json(const MemoryBandwidth& bandwidth) {
  return {{"gigabytes_per_second", bandwidth.gigabytes_per_second},
          {"buffer_bytes", bandwidth.buffer_bytes}};
}

}  // namespace clipq
