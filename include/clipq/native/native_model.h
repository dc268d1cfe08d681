#pragma once

#include <map>
#include <string>
#include <vector>

#include "clipq/kernels/attention_path.h"
#include "clipq/kernels/float_path.h"
#include "clipq/kernels/integer_path.h"
#include "clipq/model/clip_model.h"

namespace clipq {

/// What may be chosen about native execution.
struct NativeOptions {
  const IntegerPath* path = nullptr;  ///< wherever it is exact; nullptr: the fastest for each shape
  const AttentionPath* attention = nullptr;  ///< where it isn't quantized; nullptr: the fastest
  const FloatPath* floats = nullptr;         ///< wherever it is exact; nullptr: the fastest
};

/// A model on native kernels, and what could not be put on them.
struct NativeModel {
  ClipModel model;
  std::map<std::string, std::int64_t> layers;  ///< linears by the path that they run on
  std::vector<std::string> simulated;          ///< layers that stay simulated, each with the reason

  /// Towers whose attention is neither float32 nor quantized: "amx-bf16 (image)".
  std::vector<std::string> attention;

  /// "avx512-vnni"; several paths, that of most layers first, simulated layers and attention that
  /// isn't float32 are told apart. Empty if no layer is native.
  std::string describe() const;
};

/// Puts every simulated linear that has native kernels on them, and each tower whose linears all
/// have into one runner. `model` is taken over, so that each weight is freed once it is packed.
NativeModel make_native(ClipModel model, const NativeOptions& options);

}  // namespace clipq
