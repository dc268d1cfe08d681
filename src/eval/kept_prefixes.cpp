#include "clipq/eval/kept_prefixes.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "clipq/core/interrupt.h"

namespace clipq {
namespace {

/// Models that make the same of batches up to their stages.
using Chain = std::vector<const MixedModel*>;

/// The models by chain, each chain in ascending order of the stages. What is computed before a
/// stage depends on more than layers: a quantizer anywhere that needs the whole batch keeps tokens
/// in the computation that are left out otherwise.
std::vector<Chain> chains_of(const std::vector<MixedModel>& models, Tower tower) {
  std::map<std::tuple<std::string, bool>, Chain> chains;
  for (const MixedModel& each : models) {
    chains[{each.chain, each.model.tower(tower).leaves_out_tokens()}].push_back(&each);
  }
  std::vector<Chain> sorted;
  for (auto& [common, chain] : chains) {
    std::stable_sort(chain.begin(), chain.end(),
                     [](const MixedModel* a, const MixedModel* b) { return a->stage < b->stage; });
    sorted.push_back(std::move(chain));
  }
  return sorted;
}

/// The stage before which a feature is there.
std::int64_t last_stage(const TowerNetwork& tower, ImageFeature feature) {
  return feature == ImageFeature::kPooled ? tower.pooling_stage() + 1 : tower.stages();
}

at::Tensor finished(const ClipModel& model, const TowerFeature& wanted, const StagedBatch& batch) {
  if (wanted.feature == ImageFeature::kEmbedding) return model.finish(wanted.tower, batch);
  const TowerNetwork& tower = model.tower(wanted.tower);
  return tower.advance(batch, last_stage(tower, wanted.feature)).x;
}

}  // namespace

void run_with_kept_prefixes(
    const std::vector<MixedModel>& models, const TowerFeature& feature, const TowerBatches& batches,
    const std::function<bool(const MixedModel& model)>& wanted,
    const std::function<void(const MixedModel& model, const std::vector<at::Tensor>& rows)>& take) {
  for (const Chain& chain : chains_of(models, feature.tower)) {
    std::vector<StagedBatch> kept;
    for (const at::Tensor& batch : batches) {
      kept.push_back(chain.front()->model.tower(feature.tower).start(batch));
    }
    for (const MixedModel* each : chain) {
      if (!wanted(*each)) continue;
      const TowerNetwork& tower = each->model.tower(feature.tower);
      const std::int64_t stage = std::min(each->stage, last_stage(tower, feature.feature));
      std::vector<at::Tensor> rows;
      for (StagedBatch& batch : kept) {
        throw_if_interrupted();
        batch = tower.advance(std::move(batch), stage);
        rows.push_back(finished(each->model, feature, batch));
      }
      take(*each, rows);
    }
  }
}

std::int64_t largest_bytes(const TowerNetwork& tower, const at::Tensor& batch) {
  StagedBatch staged = tower.start(batch);
  std::size_t largest = 0;
  for (std::int64_t stage = 1; stage < tower.stages(); ++stage) {
    staged = tower.advance(std::move(staged), stage);
    largest = std::max(largest, staged.x.nbytes());
  }
  return static_cast<std::int64_t>(largest);
}

}  // namespace clipq
