#include "clipq/app/model_store.h"

#include <utility>

namespace clipq {

ModelStore::Models ModelStore::open(const std::vector<std::filesystem::path>& files,
                                    const ModelOptions& options) {
  std::vector<Key> keys;
  std::map<Key, std::shared_ptr<const OpenedModel>> kept;
  for (const std::filesystem::path& file : files) {
    std::error_code missing;  // which open_model() then tells of
    keys.push_back({file, std::filesystem::last_write_time(file, missing), options.simulate});
    const auto found = opened_.find(keys.back());
    if (found != opened_.end()) kept.insert(*found);
  }
  opened_ = std::move(kept);
  Models models;
  for (const Key& key : keys) {
    std::shared_ptr<const OpenedModel>& model = opened_[key];
    if (!model) model = std::make_shared<const OpenedModel>(open_model(key.file, options));
    models.push_back(model);
  }
  return models;
}

}  // namespace clipq
