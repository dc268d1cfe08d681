#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace clipq {

/// Fractions in [0, 1], as CLIP_benchmark defines them.
struct ClassificationMetrics {
  double acc1 = 0;
  double acc5 = 0;                   ///< NaN with fewer than 5 classes
  double mean_per_class_recall = 0;  ///< over the classes that have an item
};

/// @param logits float32 [items, classes]; among equal ones the lowest class index ranks first
/// @param labels one a row, each in [0, classes)
/// Throws InputError if a label is outside, or a logit isn't finite.
ClassificationMetrics classification_metrics(const at::Tensor& logits,
                                             const std::vector<int>& labels);

}  // namespace clipq
