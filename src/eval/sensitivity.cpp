#include "clipq/eval/sensitivity.h"

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/eval/classification.h"
#include "mixed_features.h"
#include "mixed_models.h"

namespace clipq {
namespace {

/// Which of the mixed models embeds images, and which texts.
struct Mixture {
  std::string label;
  std::map<Tower, std::string> names;
};

Mixture both(const std::string& name) {
  return {name, {{Tower::kImage, name}, {Tower::kText, name}}};
}

Mixture with_tower(const std::string& base, Tower tower, const std::string& name) {
  Mixture mixture = both(base);
  mixture.label = name;
  mixture.names[tower] = name;
  return mixture;
}

/// As a task sees them.
std::vector<EvaluatedModel> evaluated_as(const std::vector<Mixture>& mixtures,
                                         const EvaluatedModel& model) {
  std::vector<EvaluatedModel> models(mixtures.size(), model);
  for (std::size_t i = 0; i < mixtures.size(); ++i) models[i].label = mixtures[i].label;
  return models;
}

/// Gives a task the features of mixed models, and remembers which features of which towers.
class MixedEncoder final : public Encoder {
 public:
  MixedEncoder(const EvaluatedModel& model, MixedFeatures& features, std::vector<Mixture> mixtures)
      : Encoder(evaluated_as(mixtures, model), {}),
        features_(features),
        mixtures_(std::move(mixtures)) {}

  ImageFeatures images(const ImageSource& source, ImageFeature feature,
                       const std::string& name) const override {
    ImageFeatures features = features_.images(source, feature, name, names_of(Tower::kImage));
    embeddings_[Tower::kImage] = features.rows;
    return features;
  }

  std::vector<at::Tensor> texts(const std::vector<std::string>& texts,
                                const std::string& name) const override {
    std::vector<at::Tensor> rows = features_.texts(texts, name, names_of(Tower::kText));
    embeddings_[Tower::kText] = rows;
    return rows;
  }

  /// What the task asked for last, by model.
  const std::map<Tower, std::vector<at::Tensor>>& embeddings() const { return embeddings_; }

 private:
  std::vector<std::string> names_of(Tower tower) const {
    std::vector<std::string> names;
    for (const Mixture& each : mixtures_) names.push_back(each.names.at(tower));
    return names;
  }

  MixedFeatures& features_;
  std::vector<Mixture> mixtures_;
  mutable std::map<Tower, std::vector<at::Tensor>> embeddings_;
};

/// The share of decisions that two models have in common.
std::optional<double> agreement_of(const Measurement& a, const Measurement& b) {
  if (a.decisions.empty()) return std::nullopt;
  std::int64_t same = 0;
  for (std::size_t i = 0; i < a.decisions.size(); ++i) {
    if (a.decisions[i] == b.decisions[i]) ++same;
  }
  return static_cast<double>(same) / static_cast<double>(a.decisions.size());
}

/// A task, measured with mixed models in turn.
class SensitivityPass {
 public:
  SensitivityPass(const Task& task, const EvaluatedModel& model, MixedFeatures& features,
                  const ImageSource& source, const TaskOptions& options)
      : task_(task), model_(model), features_(features), source_(source), options_(options) {}

  /// The float model and the quantized one: `report` gets all but the groups.
  void run_baselines(SensitivityReport& report) {
    const MixedEncoder encoder(model_, features_, {both(kFloat), both(kQuantized)});
    report.task = run(encoder);
    std::vector<Measurement> measured = std::exchange(report.task.models, {});
    for (const auto& [tower, rows] : encoder.embeddings()) floating_[tower] = rows.front();
    base_ = measured.front();
    report.floating = compared(encoder, std::move(measured[0]), 0);
    report.quantized = compared(encoder, std::move(measured[1]), 1);
  }

  /// @param leaves_one_out whether that is measured, too
  GroupSensitivity run_group(const LayerGroup& group, bool leaves_one_out) const {
    std::vector<Mixture> mixtures = {with_tower(kFloat, group.tower, one_only_name(group))};
    if (leaves_one_out) {
      mixtures.push_back(with_tower(kQuantized, group.tower, leave_one_out_name(group)));
    }
    const MixedEncoder encoder(model_, features_, std::move(mixtures));
    std::vector<Measurement> measured = run(encoder).models;
    GroupSensitivity sensitivity = {group, compared(encoder, std::move(measured[0]), 0), {}};
    if (leaves_one_out) sensitivity.leave_one_out = compared(encoder, std::move(measured[1]), 1);
    return sensitivity;
  }

 private:
  TaskReport run(const MixedEncoder& encoder) const {
    return task_.encode({encoder, source_, options_, /*wants_decisions=*/true})();
  }

  /// @param i the model's place in the encoder
  MixedMeasurement compared(const MixedEncoder& encoder, Measurement measured,
                            std::size_t i) const {
    MixedMeasurement result;
    for (const auto& [tower, rows] : encoder.embeddings()) {
      result.cosines[tower] = row_cosines(floating_.at(tower), rows[i]).mean().item<double>();
    }
    result.agreement = agreement_of(base_, measured);
    result.task = std::move(measured);
    return result;
  }

  const Task& task_;
  const EvaluatedModel& model_;
  MixedFeatures& features_;
  const ImageSource& source_;
  const TaskOptions& options_;
  Measurement base_;                      ///< of the float model
  std::map<Tower, at::Tensor> floating_;  ///< its embeddings
};

}  // namespace

std::vector<Task> tasks_for_sensitivity() {
  std::vector<Task> suitable = tasks();
  std::erase_if(suitable, [](const Task& task) { return task.compares_models; });
  // Tables of classes belong to the Results of single models.
  for (Task& task : suitable) {
    std::erase_if(task.options,
                  [](const TaskOption& option) { return option.name == per_class_option().name; });
  }
  return suitable;
}

void require_suits_sensitivity(const Task& task, const std::string& where) {
  std::vector<std::string> suitable;
  for (const Task& other : tasks_for_sensitivity()) suitable.push_back(other.name);
  if (std::find(suitable.begin(), suitable.end(), task.name) != suitable.end()) return;
  throw UsageError(cat(where, " ", task.name,
                       " compares models with each other, so it doesn't tell what a group of "
                       "layers costs; expected one of ",
                       join(suitable, ", ")));
}

std::vector<LayerGroup> groups_for(const Task& task, const TaskOptions& options,
                                   const ClipModel& model, std::vector<LayerGroup> groups) {
  const bool pools = options.probe_feature == ImageFeature::kPooled;
  std::erase_if(groups, [&](const LayerGroup& group) {
    const bool is_used =
        std::find(task.needs.begin(), task.needs.end(), group.tower) != task.needs.end();
    return !is_used || (pools && group.stage > model.tower(group.tower).pooling_stage());
  });
  return groups;
}

SensitivityReport measure_sensitivity(const Task& task, const QuantizedPair& models,
                                      const Tokenizer& tokenizer, const std::string& label,
                                      const std::vector<LayerGroup>& groups,
                                      const ImageSource& source, const TaskOptions& task_options,
                                      SensitivityOptions options) {
  const EvaluatedModel model = {&models.transformed, &tokenizer, label, "", nullptr, label};
  MixedFeatures features(mixed_models(models, groups, options.leaves_one_out), tokenizer, label,
                         std::move(options.encode), std::move(options.store),
                         options.most_kept_bytes);
  SensitivityPass pass(task, model, features, source, task_options);
  SensitivityReport report;
  pass.run_baselines(report);
  for (const LayerGroup& group : groups) {
    report.groups.push_back(pass.run_group(group, options.leaves_one_out));
  }
  return report;
}

}  // namespace clipq
