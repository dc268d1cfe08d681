#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "clipq/library/open_model.h"

namespace clipq {

/// Models that stay open from one evaluation to the next.
class ModelStore {
 public:
  using Models = std::vector<std::shared_ptr<const OpenedModel>>;

  /// The models of these files, in order. Those that are open already are taken as they are, unless
  /// their files have changed since or `options` now runs them in another way; all others are
  /// closed. Throws what open_model() throws.
  Models open(const std::vector<std::filesystem::path>& files, const ModelOptions& options);

 private:
  /// What a model was made from.
  struct Key {
    std::filesystem::path file;
    std::filesystem::file_time_type written;
    bool simulate;

    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, std::shared_ptr<const OpenedModel>> opened_;
};

}  // namespace clipq
