#pragma once

#include <algorithm>
#include <vector>

#include "clipq/quant/calibrate.h"
#include "tiny_clip.h"

namespace clipq::testing {

/// Calibration data that consist of these batches.
inline CalibrationSource batches_of(const std::vector<CalibrationBatch>& batches) {
  const auto count = static_cast<std::int64_t>(batches.size());
  return {count, "test",
          [batches, count](std::int64_t first, std::int64_t last) -> CalibrationStream {
            const std::int64_t end = std::min(last, count);
            return [batches, next = first, end](CalibrationBatch& batch) mutable {
              if (next >= end) return false;
              batch = batches[next++];
              return true;
            };
          }};
}

/// Tiny images and texts as one batch.
inline CalibrationSource tiny_batch(const ClipConfig& config = tiny_config()) {
  return batches_of({{config.image ? tiny_pixels(*config.image) : tiny_pixels(), tiny_tokens()}});
}

}  // namespace clipq::testing
