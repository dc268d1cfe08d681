#pragma once

#include <ATen/core/Tensor.h>

namespace clipq {

/// Average precision of multi-label predictions, in [0, 1].
struct AveragePrecision {
  at::Tensor per_class;  ///< float64 [classes]; 0 for a class without positives
  double mean = 0;       ///< over all classes, those without positives included
};

/// CLIP_benchmark 1.6.2's average_precision_per_class(): items ranked by descending score, the
/// mean over a class's positives of the precision down to that rank. Its sort leaves the order of
/// equal scores open: here the lowest item index ranks first. Like its mean_average_precision, the
/// mean counts classes without positives as 0.
/// @param scores float64 [items, classes]
/// @param targets bool [items, classes]
/// Throws InputError if shapes differ, there are no items or classes, or a score is NaN.
AveragePrecision average_precision(const at::Tensor& scores, const at::Tensor& targets);

}  // namespace clipq
