#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace clipq {

/// scikit-learn's names: C, max_iter and tol; OpenAI's linear probe takes C = 0.316.
struct LogisticRegressionOptions {
  double c = 0.316;                    ///< weight of the data against the penalty, above 0
  std::int64_t max_iterations = 1000;  ///< of L-BFGS, at least 1
  /// Converged once no component of the gradient of (objective / (items * c)) is larger.
  double tolerance = 1e-4;
};

/// Multinomial logistic regression.
struct LogisticRegression {
  at::Tensor weight;            ///< float64 [classes, features]
  at::Tensor intercept;         ///< float64 [classes]
  std::int64_t iterations = 0;  ///< of L-BFGS that the fit took
  bool converged =
      false;  ///< the gradient, or the last decrease of the objective, was small enough

  /// @param features float32 or float64 [items, features]
  /// @return float64 [items, classes]
  at::Tensor logits(const at::Tensor& features) const;
};

/// Minimizes ||weight||^2 / 2 + c * (sum over the items of the log loss), the intercept
/// unpenalized, in float64 with L-BFGS: what scikit-learn's LogisticRegression(C=c, max_iter=…,
/// tol=…) does, with the same line search, memory and stopping rules. The same input and number of
/// threads give the same bits. A fit that doesn't converge is returned with a warning. Two classes
/// have a row of the weight each, like more; scikit-learn gives them a single one, the difference
/// of the rows that c / 2 gives here.
/// @param features float32 or float64 [items, features], finite
/// @param labels int64 [items], each in [0, classes), every class at least once
/// @param start where to begin; null: at zero
/// Throws InputError if features or labels violate this, UsageError if an option is out of
/// range, Interrupted after Ctrl-C.
LogisticRegression fit_logistic_regression(const at::Tensor& features, const at::Tensor& labels,
                                           std::int64_t classes,
                                           const LogisticRegressionOptions& options = {},
                                           const LogisticRegression* start = nullptr);

}  // namespace clipq
