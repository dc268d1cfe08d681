#pragma once

#include <map>
#include <string>
#include <vector>

#include "clipq/kernels/integer_path.h"
#include "clipq/model/clip_model.h"

namespace clipq {

/// A model on integer kernels, and what could not be put on them.
struct NativeModel {
  ClipModel model;
  std::map<std::string, std::int64_t> layers;  ///< linears by the path that they run on
  std::vector<std::string> simulated;          ///< layers that stay simulated, each with the reason

  /// "avx512-vnni"; several paths, and simulated layers, are told apart. Empty if none is native.
  std::string describe() const;
};

/// Puts every simulated linear that has integer kernels on them, and each tower whose linears all
/// have into one runner. `model` is taken over, so that each weight is freed once it is packed.
/// @param path of the kernels wherever it is exact; nullptr: the fastest for each shape
NativeModel make_native(ClipModel model, const IntegerPath* path);

}  // namespace clipq
