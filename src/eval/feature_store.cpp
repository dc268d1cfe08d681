#include "clipq/eval/feature_store.h"

#include <limits>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/find_or_default.h"
#include "clipq/core/strings.h"

namespace clipq {

FeatureStore::FeatureStore(std::filesystem::path folder)
    : folder_(std::move(folder)), files_(folder_, std::numeric_limits<std::int64_t>::max()) {}

at::Tensor FeatureStore::find(const std::string& name) const {
  if (folder_.empty()) return find_or_default(features_, name);
  return files_.find(name).value_or(at::Tensor());
}

void FeatureStore::put(const std::string& name, const at::Tensor& features) {
  if (folder_.empty()) {
    features_[name] = features;
    return;
  }
  if (files_.store(name, features)) return;
  throw InputError(cat(folder_.string(),
                       " can't take all features; write the output to a folder with enough room"));
}

}  // namespace clipq
