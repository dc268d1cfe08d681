#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "clipq/eval/task.h"

namespace clipq {

/// What a linear classifier says about items.
struct Predictions {
  std::vector<int> classes;         ///< with the highest logit; the lowest index among ties
  std::vector<int> label_ranks;     ///< how many classes rank before the item's label
  std::vector<double> confidences;  ///< softmax of the logits in the predicted class
};

/// Logits features · weightᵀ + bias, computed and ranked in float64, one block of items at a time.
/// @param features [items, width]
/// @param weight float64 [classes, width]
/// @param bias float64 [classes], or undefined
/// @param labels one per item, each in [0, classes)
/// Throws InputError if a logit isn't finite.
Predictions predict(const at::Tensor& features, const at::Tensor& weight, const at::Tensor& bias,
                    const std::vector<int>& labels);

/// Fractions in [0, 1], as CLIP_benchmark defines them.
struct ClassificationMetrics {
  double acc1 = 0;
  double acc5 = 0;                   ///< NaN with fewer than 5 classes
  double mean_per_class_recall = 0;  ///< over the classes that have an item
};
ClassificationMetrics classification_metrics(const std::vector<int>& label_ranks,
                                             const std::vector<int>& labels, std::size_t classes);

/// The metrics, each under `prefix` and CLIP_benchmark's key, with their items' outcomes, and the
/// decisions.
Measurement classification_measurement(const Predictions& predictions,
                                       const std::vector<int>& labels, std::size_t classes,
                                       const std::string& prefix);

/// The option of tasks that can report every class: whether details have per_class_table().
TaskOption per_class_option();

/// One row per class that has items: its name, number of items, recall, and the class it is most
/// often confused with.
Json per_class_table(const Predictions& predictions, const std::vector<int>& labels,
                     const std::vector<std::string>& class_names);

}  // namespace clipq
