#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/cholesky_inverse.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/matmul.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/quant/algorithm.h"

namespace clipq {
namespace {

struct GptqOptions {
  double damping;      ///< of the Hessian's diagonal, as a share of its mean
  std::int64_t block;  ///< columns whose updates to later ones are applied together
  bool reorder;        ///< columns with the largest inputs first
};

/// The upper Cholesky factor of the inverse of H = X^T X + damping: row j tells how column j's
/// error is made up for by later columns. Float64 [in, in]. Where the damping is too weak for the
/// factors to exist, it is raised tenfold until they do.
at::Tensor compensation(const at::Tensor& rows, const at::Tensor& order, double damping,
                        const std::string& name) {
  const at::Tensor x = rows.index_select(1, order).to(at::kDouble);
  const at::Tensor hessian = at::matmul(x.t(), x);
  const double mean = hessian.diagonal().mean().item<double>();
  for (;; damping *= 10) {
    at::Tensor damped = hessian.clone();
    damped.diagonal().add_(damping * mean);
    const auto [lower, failed] = at::linalg_cholesky_ex(damped);
    if (failed.item<int>() == 0) {
      const auto [upper, failed_inverse] =
          at::linalg_cholesky_ex(at::cholesky_inverse(lower), /*upper=*/true);
      if (failed_inverse.item<int>() == 0) return upper;
    }
    log::warn(cat(name, ": gptq's damping of ", damping, " is too weak for its inputs; trying ",
                  10 * damping));
  }
}

/// GPTQ (Frantar et al. 2023) with scales fixed beforehand.
class Gptq final : public Algorithm {
 public:
  explicit Gptq(const GptqOptions& options) : options_(options) {}

  bool conversion_needs_rows() const override { return true; }

  bool serves(const PlacedQuantizer& quantizer, const ModelParts& /*parts*/) const override {
    return quantizer.is_weight() && !format_info(quantizer.spec.format).is_float;
  }

  void round_weight(WeightInConversion& weight) const override {
    if (!weight.rows.defined() || format_info(weight.quantizer.spec.format).is_float) return;
    const at::Tensor energy = weight.rows.square().sum({0}, false, at::kDouble);
    if (!(energy.sum().item<double>() > 0)) return;
    const at::Tensor order = options_.reorder ? at::argsort(energy, 0, /*descending=*/true)
                                              : at::arange(energy.size(0), at::kLong);
    const at::Tensor factor =
        compensation(weight.rows, order, options_.damping, weight.quantizer.name()).to(at::kFloat);
    const at::Tensor rounded = round_columns(weight, order, factor);
    weight.values = at::empty_like(weight.values).index_copy_(1, order, rounded.t());
  }

 private:
  /// The weight's columns in that order, each moved onto its grid: float32 [in, out].
  at::Tensor round_columns(const WeightInConversion& weight, const at::Tensor& order,
                           const at::Tensor& factor) const {
    QuantizerSpec spec = weight.quantizer.spec;
    const Scales scales = column_scales(weight.scales, spec, weight.values.sizes());
    spec.granularity = Granularity::kTensor;  // a scale an element: nothing is shared any more
    const auto in_order = [&order](const at::Tensor& per_element) {
      return per_element.defined() ? per_element.t().index_select(0, order) : per_element;
    };
    at::Tensor columns = in_order(weight.values);
    const at::Tensor scale = in_order(scales.scale);
    const at::Tensor zero_point = in_order(scales.zero_point);
    const std::int64_t count = columns.size(0);
    for (std::int64_t begin = 0; begin < count; begin += options_.block) {
      throw_if_interrupted();
      const std::int64_t end = std::min(count, begin + options_.block);
      at::Tensor errors = at::empty_like(columns.narrow(0, begin, end - begin));
      for (std::int64_t j = begin; j < end; ++j) {
        const Scales own = {scale[j], zero_point.defined() ? zero_point[j] : zero_point, {}};
        at::Tensor column = columns[j];
        const at::Tensor rounded = simulate(column, spec, own);
        const at::Tensor error = column.sub(rounded).div_(factor[j][j]);
        column.copy_(rounded);
        errors[j - begin].copy_(error);
        columns.narrow(0, j + 1, end - j - 1)
            .addr_(factor[j].narrow(0, j + 1, end - j - 1), error, 1, -1);
      }
      columns.narrow(0, end, count - end)
          .addmm_(factor.narrow(0, begin, end - begin).narrow(1, end, count - end).t(), errors, 1,
                  -1);
    }
    return columns;
  }

  GptqOptions options_;
};

}  // namespace

std::shared_ptr<const Algorithm> make_gptq(const Json& json, const std::string& where) {
  require_known_keys(json, {"name", "damping", "block", "reorder"}, where);
  const GptqOptions options = {json_value(json, "damping", 0.01, where),
                               json_value<std::int64_t>(json, "block", 128, where),
                               json_value(json, "reorder", true, where)};
  if (!(options.damping > 0)) {
    throw UsageError(cat(where, ": \"damping\" is ", options.damping, ", expected above 0"));
  }
  if (options.block < 1) {
    throw UsageError(cat(where, ": \"block\" is ", options.block, ", expected at least 1"));
  }
  return std::make_shared<Gptq>(options);
}

}  // namespace clipq
