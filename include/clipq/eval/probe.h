#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "clipq/eval/logistic_regression.h"

namespace clipq {

/// How a linear probe is trained. The defaults are OpenAI's protocol, C = 0.316 and 1,000
/// iterations on features as they are, but for the tolerance, which is 1e-4 there: a fit that stops
/// so far from the optimum depends on rounding, by more than what quantization costs.
struct ProbeOptions {
  std::optional<double> c = 0.316;  ///< none: the best of a sweep
  std::int64_t max_iterations = 1000;
  double tolerance = 1e-6;  ///< of the last fit; a sweep's have 1e-4 or more
};

/// A value of C that the sweep tried.
struct TriedC {
  double c = 0;
  double accuracy = 0;  ///< on the validation items, in [0, 1]
  std::int64_t iterations = 0;
  bool converged = false;
};

/// A trained linear probe.
struct Probe {
  double c = 0;
  LogisticRegression regression;  ///< of all items
  std::vector<TriedC> tried;      ///< in the order of trial; empty unless C was swept
};

/// The items that a sweep validates on: every fifth of each class (the 5th, 10th, … in the order
/// of the items). Bool [items].
/// @param labels int64 [items], not negative
at::Tensor validation_items(const at::Tensor& labels);

/// Trains a linear probe. Without a C it fits 11 values to four fifths of each class and takes the
/// one with the best accuracy on the rest, the smaller C where two are equal: 10^-3, 10^-2 … 10^3,
/// each started from the one before, then half a decade either side of the best, then a quarter
/// either side of the best so far, started from that. The last fit, of all items, starts at zero,
/// so it is the one that the chosen C alone would give.
/// @param features float32 or float64 [items, features], finite
/// @param labels int64 [items], each in [0, classes), every class at least once
/// Throws what fit_logistic_regression() throws, and InputError if C is to be swept and no class
/// has five items.
Probe train_probe(const at::Tensor& features, const at::Tensor& labels, std::int64_t classes,
                  const ProbeOptions& options = {});

}  // namespace clipq
