#pragma once

#include <string>

#include "clipq/result/result.h"

namespace clipq::testing {

inline constexpr std::int64_t kMib = 1 << 20;

inline Result measured(const std::string& path, const std::string& recipe,
                       std::int64_t size_bytes) {
  Result result;
  const bool is_float = recipe.empty();
  result.model.path = path;
  result.model.recipe = recipe;
  result.model.component = is_float ? "" : "both";
  result.model.size_bytes = size_bytes;
  result.model.mode = is_float ? "float" : "native";
  result.environment = {"0.1.0", "2.13.0", "CPU X", "AVX2", 2, "2026-01-02T03:04:05Z"};
  return result;
}

/// Zero-shot classification of 5000 items.
inline Result evaluated(Result result, double acc1, const std::string& spec = "cifar100:d") {
  result.task = "zeroshot_classification";
  result.data.emplace();
  result.data->spec = spec;
  result.data->items = 5000;
  result.data->templates = 18;
  result.metrics = {{"acc1", acc1}};
  return result;
}

inline Result benched(Result result, double image_ms) {
  result.task = "bench";
  result.latency["image"][1] = {image_ms, image_ms, image_ms, 10};
  return result;
}

/// Zero-shot classification of `wrong` and then `right` items of a data set with a hash, with the
/// outcome of each.
inline Result with_outcomes(Result result, std::size_t wrong, std::size_t right) {
  const auto items = static_cast<double>(wrong + right);
  result = evaluated(result, static_cast<double>(right) / items);
  result.data->dataset = "cifar100";
  result.data->sha256 = "0123456789ab";
  result.data->items = static_cast<std::int64_t>(wrong + right);
  result.outcomes["acc1"] = {std::string(wrong, '0') + std::string(right, '1'), {}, {}};
  return result;
}

inline Result sized(Result result, std::int64_t float32_bytes, std::int64_t source_bytes) {
  result.model.float32_bytes = float32_bytes;
  result.model.source_bytes = source_bytes;
  return result;
}

inline const Result kBase = measured("models/base.pt", "", 4 * kMib);
inline const Result kInt8 = measured("models/int8.pt", "int8-dynamic", kMib);

}  // namespace clipq::testing
