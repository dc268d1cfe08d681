#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

#include "clipq/eval/feature_cache.h"

namespace clipq {

/// Features of a measurement that is under way, by name: in a folder, from which it can go on after
/// it was killed, or in memory.
class FeatureStore {
 public:
  /// In memory.
  FeatureStore() = default;

  /// @param folder that may have some already
  explicit FeatureStore(std::filesystem::path folder);

  /// Float32 [rows, width]; undefined: there are none of that name, or they are damaged.
  at::Tensor find(const std::string& name) const;

  /// Throws InputError if the folder can't take them.
  void put(const std::string& name, const at::Tensor& features);

 private:
  std::filesystem::path folder_;  ///< empty: in memory
  FeatureCache files_;
  std::map<std::string, at::Tensor> features_;
};

}  // namespace clipq
