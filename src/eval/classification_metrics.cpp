#include "clipq/eval/classification_metrics.h"

#include <ATen/ops/isfinite.h>

#include <cstdint>
#include <limits>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr int kTop = 5;

/// How many classes rank before `label`.
int rank_of(const float* logits, int classes, int label) {
  int rank = 0;
  for (int i = 0; i < classes; ++i) {
    if (logits[i] > logits[label] || (logits[i] == logits[label] && i < label)) ++rank;
  }
  return rank;
}

}  // namespace

ClassificationMetrics classification_metrics(const at::Tensor& logits,
                                             const std::vector<int>& labels) {
  const at::Tensor rows = logits.to(at::kFloat).contiguous();
  if (!at::isfinite(rows).all().item<bool>()) {
    const at::Tensor bad = at::isfinite(rows).all(-1).logical_not();
    throw InputError(
        cat("the model gives NaN or infinite similarities for ", bad.sum().item<std::int64_t>(),
            " of ", labels.size(), " items, the first of them item ",
            bad.to(at::kByte).argmax().item<std::int64_t>(), "; accuracy would mean nothing"));
  }
  const int classes = static_cast<int>(rows.size(1));
  std::vector<std::int64_t> items(classes, 0);
  std::vector<std::int64_t> hits(classes, 0);
  std::int64_t first = 0;
  std::int64_t in_top = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const int label = labels[i];
    if (label < 0 || label >= classes) {
      throw InputError(cat("item ", i, " has label ", label, ", expected 0 to ", classes - 1));
    }
    const int rank = rank_of(rows.const_data_ptr<float>() + i * classes, classes, label);
    ++items[label];
    if (rank == 0) {
      ++hits[label];
      ++first;
    }
    if (rank < kTop) ++in_top;
  }
  const auto total = static_cast<double>(labels.size());
  ClassificationMetrics metrics;
  double recalls = 0;
  int present = 0;
  for (int c = 0; c < classes; ++c) {
    if (items[c] == 0) continue;
    recalls += static_cast<double>(hits[c]) / static_cast<double>(items[c]);
    ++present;
  }
  metrics.acc1 = static_cast<double>(first) / total;
  metrics.acc5 = classes < kTop ? std::numeric_limits<double>::quiet_NaN()
                                : static_cast<double>(in_top) / total;
  metrics.mean_per_class_recall = recalls / present;
  return metrics;
}

}  // namespace clipq
