#include "clipq/eval/classification.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/logsumexp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "recall.h"

namespace clipq {
namespace {

constexpr int kTop = 5;
constexpr std::int64_t kImageBlock = 4096;

/// How many classes rank before `label`.
int rank_of(const double* logits, int classes, int label) {
  int rank = 0;
  for (int i = 0; i < classes; ++i) {
    if (logits[i] > logits[label] || (logits[i] == logits[label] && i < label)) ++rank;
  }
  return rank;
}

void require_finite(const at::Tensor& logits, std::int64_t first) {
  const at::Tensor bad = at::isfinite(logits).all(-1).logical_not();
  const auto count = bad.sum().item<std::int64_t>();
  if (count == 0) return;
  throw InputError(cat("the model gives NaN or infinite similarities for ", count, " of items ",
                       first, " to ", first + logits.size(0) - 1, ", the first being item ",
                       first + bad.to(at::kByte).argmax().item<std::int64_t>(),
                       "; accuracy would be meaningless"));
}

void rank_block(Predictions& predictions, const at::Tensor& logits, const int* labels) {
  const auto classes = static_cast<int>(logits.size(1));
  const at::Tensor log_sums = at::logsumexp(logits, {-1});
  for (std::int64_t i = 0; i < logits.size(0); ++i) {
    const double* row = logits.const_data_ptr<double>() + i * classes;
    const auto best = static_cast<int>(std::max_element(row, row + classes) - row);
    predictions.classes.push_back(best);
    predictions.label_ranks.push_back(rank_of(row, classes, labels[i]));
    predictions.confidences.push_back(std::exp(row[best] - log_sums.const_data_ptr<double>()[i]));
  }
}

}  // namespace

Predictions predict(const at::Tensor& features, const at::Tensor& weight, const at::Tensor& bias,
                    const std::vector<int>& labels) {
  Predictions predictions;
  for (std::int64_t first = 0; first < features.size(0); first += kImageBlock) {
    const std::int64_t count = std::min(kImageBlock, features.size(0) - first);
    const at::Tensor block = features.narrow(0, first, count).to(at::kDouble);
    const at::Tensor logits = at::linear(block, weight, bias).contiguous();
    require_finite(logits, first);
    rank_block(predictions, logits, labels.data() + first);
  }
  return predictions;
}

ClassificationMetrics classification_metrics(const std::vector<int>& label_ranks,
                                             const std::vector<int>& labels, std::size_t classes) {
  std::vector<double> items(classes, 0);
  std::vector<double> first(classes, 0);
  double in_top = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    items[labels[i]] += 1;
    first[labels[i]] += label_ranks[i] == 0 ? 1 : 0;
    in_top += label_ranks[i] < kTop ? 1 : 0;
  }
  double recalls = 0;
  double present = 0;
  double all_first = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    if (items[c] == 0) continue;
    recalls += first[c] / items[c];
    all_first += first[c];
    present += 1;
  }
  const auto total = static_cast<double>(labels.size());
  return {all_first / total,
          classes < kTop ? std::numeric_limits<double>::quiet_NaN() : in_top / total,
          recalls / present};
}

Measurement classification_measurement(const Predictions& predictions,
                                       const std::vector<int>& labels, std::size_t classes,
                                       const std::string& prefix) {
  const ClassificationMetrics metrics =
      classification_metrics(predictions.label_ranks, labels, classes);
  Measurement measurement;
  measurement.metrics = {{prefix + "acc1", metrics.acc1},
                         {prefix + "acc5", metrics.acc5},
                         {prefix + "mean_per_class_recall", metrics.mean_per_class_recall}};
  const std::string first = hits_below(predictions.label_ranks, 1);
  measurement.outcomes[prefix + "acc1"] = {first, {}, {}};
  if (classes >= kTop) {
    measurement.outcomes[prefix + "acc5"] = {hits_below(predictions.label_ranks, kTop), {}, {}};
  }
  measurement.outcomes[prefix + "mean_per_class_recall"] = {
      first, {labels.begin(), labels.end()}, {}};
  measurement.decisions.assign(predictions.classes.begin(), predictions.classes.end());
  return measurement;
}

TaskOption per_class_option() {
  return {"per-class", "also print a per-class table", FlagOption{&TaskOptions::per_class}};
}

Json per_class_table(const Predictions& predictions, const std::vector<int>& labels,
                     const std::vector<std::string>& class_names) {
  const std::size_t classes = class_names.size();
  std::vector<std::map<int, std::int64_t>> taken_for(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) ++taken_for[labels[i]][predictions.classes[i]];
  Json rows = Json::array();
  for (std::size_t c = 0; c < classes; ++c) {
    std::int64_t items = 0;
    std::int64_t right = 0;
    std::pair<int, std::int64_t> worst = {-1, 0};
    for (const auto& [predicted, count] : taken_for[c]) {
      items += count;
      if (predicted == static_cast<int>(c)) {
        right = count;
      } else if (count > worst.second) {
        worst = {predicted, count};
      }
    }
    if (items == 0) continue;
    Json row = {{"class", class_names[c]},
                {"items", items},
                {"recall", static_cast<double>(right) / static_cast<double>(items)}};
    if (worst.first >= 0) {
      row["taken_for"] = class_names[worst.first];
      row["times"] = worst.second;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace clipq
