#include "clipq/eval/probe.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr int kFolds = 5;

constexpr double kSweepTolerance = 1e-4;

/// Tries values of C on a validation split and remembers the best.
class Sweep {
 public:
  Sweep(const at::Tensor& features, const at::Tensor& labels, std::int64_t classes,
        const ProbeOptions& options)
      : classes_(classes), options_(options) {
    const at::Tensor validate = validation_items(labels);
    if (!validate.any().item<bool>()) {
      throw InputError(
          cat("linear probe: none of the ", classes, " classes has ", kFolds,
              " items, so none can be held out for choosing C; pass a C or more items"));
    }
    const at::Tensor train_index = validate.logical_not().nonzero().squeeze(1);
    const at::Tensor validate_index = validate.nonzero().squeeze(1);
    train_features_ = features.index_select(0, train_index).to(at::kDouble);
    train_labels_ = labels.index_select(0, train_index);
    validate_features_ = features.index_select(0, validate_index).to(at::kDouble);
    validate_labels_ = labels.index_select(0, validate_index);
  }

  std::vector<TriedC> run() {
    LogisticRegression last;
    for (int exponent = -3; exponent <= 3; ++exponent) {
      last = attempt(exponent, last.weight.defined() ? &last : nullptr);
    }
    for (const double width : {0.5, 0.25}) {
      const double centre = best_exponent_;
      const LogisticRegression start = best_fit_;
      attempt(centre - width, &start);
      attempt(centre + width, &start);
    }
    return std::move(tried_);
  }

  double best_c() const { return std::pow(10.0, best_exponent_); }

 private:
  LogisticRegression attempt(double exponent, const LogisticRegression* start) {
    const double c = std::pow(10.0, exponent);
    LogisticRegression fit = fit_logistic_regression(
        train_features_, train_labels_, classes_,
        {c, options_.max_iterations, std::max(options_.tolerance, kSweepTolerance)}, start);
    const double accuracy = fit.logits(validate_features_)
                                .argmax(1)
                                .eq(validate_labels_)
                                .to(at::kDouble)
                                .mean()
                                .item<double>();
    log::info(cat("linear probe: C = ", c, " has validation accuracy ", fixed(100 * accuracy, 2),
                  " % after ", fit.iterations, " iterations"));
    tried_.push_back({c, accuracy, fit.iterations, fit.converged});
    if (accuracy > best_accuracy_ || (accuracy == best_accuracy_ && exponent < best_exponent_)) {
      best_accuracy_ = accuracy;
      best_exponent_ = exponent;
      best_fit_ = fit;
    }
    return fit;
  }

  std::int64_t classes_;
  const ProbeOptions& options_;
  at::Tensor train_features_;
  at::Tensor train_labels_;
  at::Tensor validate_features_;
  at::Tensor validate_labels_;
  std::vector<TriedC> tried_;
  double best_accuracy_ = -1;
  double best_exponent_ = 0;
  LogisticRegression best_fit_;
};

}  // namespace

at::Tensor validation_items(const at::Tensor& labels) {
  const at::Tensor contiguous = labels.contiguous();
  at::Tensor chosen = at::empty({labels.size(0)}, at::kBool);
  const std::int64_t* label = contiguous.const_data_ptr<std::int64_t>();
  bool* is_chosen = chosen.mutable_data_ptr<bool>();
  std::unordered_map<std::int64_t, std::int64_t> seen;
  for (std::int64_t i = 0; i < labels.size(0); ++i) {
    is_chosen[i] = seen[label[i]]++ % kFolds == kFolds - 1;
  }
  return chosen;
}

Probe train_probe(const at::Tensor& features, const at::Tensor& labels, std::int64_t classes,
                  const ProbeOptions& options) {
  Probe probe;
  if (options.c) {
    probe.c = *options.c;
  } else {
    Sweep sweep(features, labels, classes, options);
    probe.tried = sweep.run();
    probe.c = sweep.best_c();
  }
  probe.regression = fit_logistic_regression(features, labels, classes,
                                             {probe.c, options.max_iterations, options.tolerance});
  return probe;
}

}  // namespace clipq
