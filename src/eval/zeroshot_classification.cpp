#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "clipq/eval/average_precision.h"
#include "clipq/eval/classification.h"
#include "labelled_prompts.h"

namespace clipq {
namespace {

/// Which items have which classes: [items, classes].
at::Tensor targets_of(const std::vector<std::vector<int>>& labels, std::size_t classes) {
  at::Tensor targets = at::zeros(
      {static_cast<std::int64_t>(labels.size()), static_cast<std::int64_t>(classes)}, at::kBool);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (const int label : labels[i]) targets[static_cast<std::int64_t>(i)][label] = true;
  }
  return targets;
}

Measurement measure_multi_label(const at::Tensor& images, const at::Tensor& classifier,
                                const LabelSpace& space, bool per_class) {
  const at::Tensor logits = at::linear(images, classifier);
  const AveragePrecision precision =
      average_precision(logits, targets_of(space.labels, space.class_names.size()));
  Measurement measurement;
  measurement.metrics = {{"mean_average_precision", precision.mean}};
  const at::Tensor best = logits.argmax(-1);
  const auto* first = best.const_data_ptr<std::int64_t>();
  measurement.decisions.assign(first, first + best.numel());
  if (!per_class) return measurement;
  std::vector<std::int64_t> items(space.class_names.size(), 0);
  for (const auto& labels : space.labels) {
    for (const int label : labels) ++items[label];
  }
  Json rows = Json::array();
  for (std::size_t c = 0; c < items.size(); ++c) {
    rows.push_back(
        {{"class", space.class_names[c]},
         {"items", items[c]},
         {"average_precision", precision.per_class[static_cast<std::int64_t>(c)].item<double>()}});
  }
  measurement.details["per_class"] = std::move(rows);
  return measurement;
}

Measurement measure_single_label(const at::Tensor& images, const at::Tensor& classifier,
                                 const LabelSpace& space, bool per_class) {
  const std::vector<int> labels = space.single_labels();
  const Predictions predictions = predict(images, classifier.mul(kLogitScale), {}, labels);
  Measurement measurement =
      classification_measurement(predictions, labels, space.class_names.size(), "");
  if (per_class) {
    measurement.details["per_class"] = per_class_table(predictions, labels, space.class_names);
  }
  return measurement;
}

TaskReport measure(const TaskInput& input, const LabelledPrompts& labelled,
                   const std::vector<at::Tensor>& prompts, const ImageFeatures& images) {
  const LabelSpace& space = labelled.space;
  TaskReport report;
  report.items = static_cast<std::int64_t>(images.items.size());
  report.skipped = images.skipped;
  report.templates = static_cast<std::int64_t>(labelled.ensemble.templates.size());
  report.settings = labelled.settings;
  const auto measure_model =
      input.source.dataset.multi_label() ? measure_multi_label : measure_single_label;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    report.models.push_back(measure_model(normalize_rows(images.rows[i].to(at::kDouble)),
                                          prompt_classifier(prompts[i], space.class_names.size()),
                                          space, input.options.per_class));
  }
  return report;
}

}  // namespace

std::vector<TaskOption> zeroshot_classification_options() {
  std::vector<TaskOption> options = prompt_options();
  options.push_back(per_class_option());
  return options;
}

void check_zeroshot_classification(const TaskData& data) { labelled_prompts(data); }

Measure encode_zeroshot_classification(const TaskInput& input) {
  LabelledPrompts labelled = labelled_prompts(input.data());
  std::vector<at::Tensor> prompts = input.encoder.texts(labelled.ensemble.prompts(), "prompts");
  ImageFeatures images = input.encoder.images(input.source);
  labelled.space.keep_items(images.items);
  return [input, labelled = std::move(labelled), prompts = std::move(prompts),
          images = std::move(images)] { return measure(input, labelled, prompts, images); };
}

}  // namespace clipq
