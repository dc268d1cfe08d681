#include "clipq/eval/logistic_regression.h"

#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/sum.h>
#include <lbfgs.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <memory>
#include <new>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// scikit-learn's "ftol": a smaller relative decrease of the objective counts as converged.
constexpr double kRelativeDecrease = 64 * std::numeric_limits<double>::epsilon();

/// The objective that scikit-learn passes to L-BFGS: the mean log loss plus ||weight||^2 / (2 c
/// items). Parameters and gradient are float64 [classes * (features + 1)]: the weight's rows, then
/// the intercept.
class Objective {
 public:
  Objective(const at::Tensor& features, const at::Tensor& labels, std::int64_t classes, double c)
      : features_(features),
        labels_(labels.unsqueeze(1)),
        classes_(classes),
        per_item_(1.0 / static_cast<double>(features.size(0))),
        penalty_(per_item_ / c),
        logits_(at::empty({features.size(0), classes}, at::kDouble)),
        probabilities_(at::empty_like(logits_)),
        minus_one_(at::full({features.size(0), 1}, -1.0, at::kDouble)) {}

  std::int64_t parameters() const { return classes_ * (features_.size(1) + 1); }

  at::Tensor weight(const at::Tensor& parameters) const {
    return parameters.narrow(0, 0, parameters.size(0) - classes_)
        .view({classes_, features_.size(1)});
  }

  at::Tensor intercept(const at::Tensor& parameters) const {
    return parameters.narrow(0, parameters.size(0) - classes_, classes_);
  }

  double evaluate(const at::Tensor& parameters, const at::Tensor& gradient) {
    const at::Tensor w = weight(parameters);
    at::addmm_out(logits_, intercept(parameters), features_, w.t());
    at::_log_softmax_out(probabilities_, logits_, 1, false);
    const double log_loss = -probabilities_.gather(1, labels_).sum().item<double>();
    probabilities_.exp_().scatter_add_(1, labels_, minus_one_);
    at::Tensor by_weight = weight(gradient);
    at::addmm_out(by_weight, w, probabilities_.t(), features_, penalty_, per_item_);
    at::Tensor by_intercept = intercept(gradient);
    at::sum_out(by_intercept, probabilities_, 0);
    by_intercept.mul_(per_item_);
    return per_item_ * log_loss + penalty_ / 2 * w.square().sum().item<double>();
  }

 private:
  at::Tensor features_;
  at::Tensor labels_;
  std::int64_t classes_;
  double per_item_;
  double penalty_;
  at::Tensor logits_;         ///< these two are overwritten by every evaluation
  at::Tensor probabilities_;  ///< then with 1 subtracted from the label's
  at::Tensor minus_one_;
};

/// libLBFGS on an objective: scipy's memory, line search and stopping rules.
class Minimiser {
 public:
  Minimiser(Objective& objective, const LogisticRegressionOptions& options)
      : objective_(objective),
        options_(options),
        progress_(cat("logistic regression, C = ", options.c), options.max_iterations),
        values_(lbfgs_malloc(static_cast<int>(objective.parameters())), lbfgs_free) {
    if (!values_) throw std::bad_alloc();
    parameters().zero_();
  }

  at::Tensor parameters() const { return wrap(values_.get()); }
  std::int64_t iterations() const { return iterations_; }
  bool converged() const { return converged_; }
  double largest_gradient() const { return largest_gradient_; }

  void run() {
    const at::Tensor gradient = at::empty({objective_.parameters()}, at::kDouble);
    previous_ = objective_.evaluate(parameters(), gradient);
    if (gradient_is_small(gradient)) return;
    // A line search fails if the curvature is misleading: like SciPy, discard it and retry once.
    while (search_line_until_stop()) {
      if (iterations_ == iterations_at_failure_) return;
      iterations_at_failure_ = iterations_;
    }
  }

 private:
  at::Tensor wrap(const double* values) const {
    return at::from_blob(const_cast<double*>(values), {objective_.parameters()}, at::kDouble);
  }

  bool gradient_is_small(const at::Tensor& gradient) {
    largest_gradient_ = gradient.abs().max().item<double>();
    converged_ = largest_gradient_ <= options_.tolerance;
    return converged_;
  }

  /// Whether a failed line search was the reason to stop.
  bool search_line_until_stop() {
    lbfgs_parameter_t settings;
    lbfgs_parameter_init(&settings);
    settings.m = 10;
    settings.epsilon = 0;  // after_iteration() decides
    settings.max_linesearch = 50;
    settings.ftol = 1e-3;
    const int status = lbfgs(static_cast<int>(objective_.parameters()), values_.get(), nullptr,
                             evaluate, after_iteration, this, &settings);
    if (error_) std::rethrow_exception(error_);
    if (status >= 0) return false;
    if (status < LBFGSERR_OUTOFINTERVAL) {
      throw InternalError(cat("libLBFGS refused to start with status ", status));
    }
    return true;
  }

  /// Exceptions must not cross the C library: the infinity ends the search.
  static double evaluate(void* instance, const double* parameters, double* gradient, int /*count*/,
                         double /*step*/) {
    auto& self = *static_cast<Minimiser*>(instance);
    if (self.error_) return kInfinity;
    try {
      return self.objective_.evaluate(self.wrap(parameters), self.wrap(gradient));
    } catch (...) {
      self.error_ = std::current_exception();
      return kInfinity;
    }
  }

  /// Nonzero: stop.
  static int after_iteration(void* instance, const double* /*parameters*/, const double* gradient,
                             double objective, double /*parameters_norm*/, double /*gradient_norm*/,
                             double /*step*/, int /*count*/, int /*iteration*/,
                             int /*evaluations*/) {
    auto& self = *static_cast<Minimiser*>(instance);
    try {
      self.progress_.advance();
      return self.should_stop(self.wrap(gradient), objective) ? 1 : 0;
    } catch (...) {
      self.error_ = std::current_exception();
      return 1;
    }
  }

  bool should_stop(const at::Tensor& gradient, double objective) {
    ++iterations_;
    const double decrease = previous_ - objective;
    const double scale = std::max({previous_, objective, 1.0});
    previous_ = objective;
    if (gradient_is_small(gradient)) return true;
    converged_ = decrease <= kRelativeDecrease * scale;
    return converged_ || iterations_ >= options_.max_iterations;
  }

  Objective& objective_;
  const LogisticRegressionOptions& options_;
  Progress progress_;
  std::unique_ptr<double, void (*)(double*)> values_;
  std::exception_ptr error_;
  double previous_ = 0;  ///< the objective one iteration before
  double largest_gradient_ = 0;
  std::int64_t iterations_ = 0;
  std::int64_t iterations_at_failure_ = -1;
  bool converged_ = false;
};

void require_valid_options(const LogisticRegressionOptions& options) {
  if (!(options.c > 0) || options.c == kInfinity) {
    throw UsageError(cat("logistic regression: C is ", options.c, ", expected a positive number"));
  }
  if (options.max_iterations < 1) {
    throw UsageError(cat("logistic regression: the limit on iterations is ", options.max_iterations,
                         ", expected at least 1"));
  }
  if (!(options.tolerance > 0)) {
    throw UsageError(cat("logistic regression: the tolerance is ", options.tolerance,
                         ", expected a positive number"));
  }
}

void require_valid_features(const at::Tensor& features) {
  if (features.dim() != 2 || features.size(0) == 0 || features.size(1) == 0) {
    throw InputError(cat("logistic regression: features have shape ", features.sizes(),
                         ", expected a non-empty [items, features]"));
  }
  const at::Tensor row_sums = features.sum({1}, false, at::kDouble);
  if (at::isfinite(row_sums).all().item<bool>()) return;
  const at::Tensor bad = at::isfinite(features).all(1).logical_not();
  if (!bad.any().item<bool>()) return;
  throw InputError(cat("logistic regression: ", bad.sum().item<std::int64_t>(), " of ",
                       features.size(0), " items have NaN or infinite features, the first being ",
                       "item ", bad.to(at::kByte).argmax().item<std::int64_t>(),
                       "; check the model that produced them"));
}

void require_valid_labels(const at::Tensor& labels, std::int64_t items, std::int64_t classes) {
  if (classes < 2) {
    throw InputError(
        cat("logistic regression: there are ", classes, " classes, expected at least 2"));
  }
  if (labels.dim() != 1 || labels.size(0) != items) {
    throw InputError(cat("logistic regression: labels have shape ", labels.sizes(), ", expected [",
                         items, "], one for each item"));
  }
  const at::Tensor bad = labels.lt(0).logical_or_(labels.ge(classes));
  if (bad.any().item<bool>()) {
    const auto item = bad.to(at::kByte).argmax().item<std::int64_t>();
    throw InputError(cat("logistic regression: item ", item, " has label ",
                         labels[item].item<std::int64_t>(), ", expected 0 to ", classes - 1));
  }
  // Without items, a class's unpenalized intercept decreases without bound.
  const at::Tensor empty = at::bincount(labels, {}, classes).eq(0);
  if (empty.any().item<bool>()) {
    throw InputError(cat("logistic regression: ", empty.sum().item<std::int64_t>(), " of ", classes,
                         " classes have no training items, the first being class ",
                         empty.to(at::kByte).argmax().item<std::int64_t>(),
                         "; use more items, or only classes that have some"));
  }
}

void begin_at(const LogisticRegression& start, const Objective& objective,
              const at::Tensor& parameters) {
  const at::Tensor weight = objective.weight(parameters);
  const at::Tensor intercept = objective.intercept(parameters);
  if (start.weight.sizes() != weight.sizes() || start.intercept.sizes() != intercept.sizes()) {
    throw InternalError(cat("logistic regression: the initial weight has shape ",
                            start.weight.sizes(), ", expected ", weight.sizes()));
  }
  weight.copy_(start.weight);
  intercept.copy_(start.intercept);
}

void warn_unless_converged(const LogisticRegression& fit, const LogisticRegressionOptions& options,
                           double largest_gradient) {
  if (fit.converged) return;
  const std::string remedy = fit.iterations >= options.max_iterations
                                 ? "allow more, or use a smaller C"
                                 : "no step lowers the objective; are the features very large?";
  log::warn(cat("logistic regression with C = ", options.c, " has not converged after ",
                fit.iterations, " iterations: its gradient is ", largest_gradient, ", expected ",
                options.tolerance, " or less; ", remedy));
}

}  // namespace

at::Tensor LogisticRegression::logits(const at::Tensor& features) const {
  return at::addmm(intercept, features.to(at::kDouble), weight.t());
}

LogisticRegression fit_logistic_regression(const at::Tensor& features, const at::Tensor& labels,
                                           std::int64_t classes,
                                           const LogisticRegressionOptions& options,
                                           const LogisticRegression* start) {
  require_valid_options(options);
  require_valid_features(features);
  require_valid_labels(labels, features.size(0), classes);
  Objective objective(features.to(at::kDouble).contiguous(), labels, classes, options.c);
  Minimiser minimiser(objective, options);
  const at::Tensor parameters = minimiser.parameters();
  if (start != nullptr) begin_at(*start, objective, parameters);
  minimiser.run();
  const LogisticRegression fit = {objective.weight(parameters).clone(),
                                  objective.intercept(parameters).clone(), minimiser.iterations(),
                                  minimiser.converged()};
  warn_unless_converged(fit, options, minimiser.largest_gradient());
  return fit;
}

}  // namespace clipq
