#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/eval/feature_store.h"
#include "clipq/eval/kept_prefixes.h"

namespace clipq {

/// A pass of data through mixed models, part by part: as many batches at a time as may be kept.
class PartPass {
 public:
  /// @param models with different names
  /// @param name of the pass, for the store
  /// @param label what messages call the models
  /// @param store must live as long
  /// @param most_kept_bytes of inputs and activations
  PartPass(std::vector<MixedModel> models, const TowerFeature& feature, std::string name,
           std::string label, FeatureStore& store, std::int64_t most_kept_bytes);

  /// Chooses how many batches are kept at a time. Called before the first one comes, unless that
  /// takes as much memory as any.
  /// @param item one that takes as much memory as any, as a batch of 1
  void fit(const at::Tensor& item, std::int64_t batch_size);

  /// @param items what messages call the batch's items
  /// Throws InputError that names an item whose features aren't finite, and what
  /// FeatureStore::put() throws.
  void add(const at::Tensor& batch, std::vector<std::string> items);

  /// Runs what is left.
  void finish();

  /// The features of all batches: float32 [items, width]. Throws InputError if they were damaged
  /// since they were stored.
  at::Tensor features(const std::string& model) const;

  const std::vector<MixedModel>& models() const { return models_; }
  bool has(const std::string& model) const;

 private:
  void run();
  void put(const MixedModel& model, const std::vector<at::Tensor>& rows);
  std::string key(const std::string& model, std::int64_t part) const;

  std::vector<MixedModel> models_;
  TowerFeature feature_;
  std::string name_;
  std::string label_;
  FeatureStore& store_;
  std::int64_t most_kept_bytes_;
  std::int64_t parts_ = 0;  ///< that have run
  std::int64_t batches_in_part_ = 0;
  TowerBatches batches_;                         ///< of the next part
  std::vector<std::vector<std::string>> items_;  ///< of each batch
};

}  // namespace clipq
