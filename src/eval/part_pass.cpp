#include "part_pass.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/progress.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/model/finite.h"

namespace clipq {

PartPass::PartPass(std::vector<MixedModel> models, const TowerFeature& feature, std::string name,
                   std::string label, FeatureStore& store, std::int64_t most_kept_bytes)
    : models_(std::move(models)),
      feature_(feature),
      name_(std::move(name)),
      label_(std::move(label)),
      store_(store),
      most_kept_bytes_(most_kept_bytes) {}

void PartPass::add(const at::Tensor& batch, std::vector<std::string> items) {
  if (batches_in_part_ == 0) fit(batch.narrow(0, 0, 1), batch.size(0));
  batches_.push_back(batch);
  items_.push_back(std::move(items));
  if (static_cast<std::int64_t>(batches_.size()) == batches_in_part_) run();
}

void PartPass::finish() {
  if (!batches_.empty()) run();
}

void PartPass::fit(const at::Tensor& item, std::int64_t batch_size) {
  // Inputs are kept for a whole part, the activations of one stage beside them.
  const TowerNetwork& tower = models_.front().model.tower(feature_.tower);
  const std::int64_t bytes =
      (static_cast<std::int64_t>(item.nbytes()) + largest_bytes(tower, item)) * batch_size;
  batches_in_part_ = std::max<std::int64_t>(1, most_kept_bytes_ / bytes);
  log::debug(cat(name_, ": at most ", batches_in_part_, " batches of ", batch_size,
                 " are kept at a time, ", mebibytes(bytes), " each"));
}

void PartPass::run() {
  Progress progress(cat("models on ", name_), static_cast<std::int64_t>(models_.size()));
  const auto wanted = [&](const MixedModel& model) {
    const bool stored = store_.find(key(model.name, parts_)).defined();
    if (stored) progress.advance();
    return !stored;
  };
  const auto take = [&](const MixedModel& model, const std::vector<at::Tensor>& rows) {
    put(model, rows);
    progress.advance();
  };
  run_with_kept_prefixes(models_, feature_, batches_, wanted, take);
  batches_.clear();
  items_.clear();
  ++parts_;
}

void PartPass::put(const MixedModel& model, const std::vector<at::Tensor>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require_finite(rows[i], model.model, feature_.tower, batches_[i], cat(label_, ", ", model.name),
                   [&](std::int64_t row) { return items_[i][static_cast<std::size_t>(row)]; });
  }
  store_.put(key(model.name, parts_), at::cat(rows));
}

bool PartPass::has(const std::string& model) const {
  return std::any_of(models_.begin(), models_.end(),
                     [&model](const MixedModel& each) { return each.name == model; });
}

at::Tensor PartPass::features(const std::string& model) const {
  std::vector<at::Tensor> parts;
  for (std::int64_t part = 0; part < parts_; ++part) {
    parts.push_back(store_.find(key(model, part)));
    if (!parts.back().defined()) {
      throw InputError(cat("the features of ", model,
                           " were removed or damaged after they had been computed; continue to "
                           "compute them again"),
                       {{Setting::kResume}});
    }
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

std::string PartPass::key(const std::string& model, std::int64_t part) const {
  return cat(name_, "-", part, "-", model);
}

}  // namespace clipq
