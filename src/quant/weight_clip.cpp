#include <ATen/ops/full_like.h>
#include <ATen/ops/where.h>

#include <limits>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/quant/algorithm.h"

namespace clipq {
namespace {

/// Tries each of `steps` + 1 shares of every scale's range between 1 and `smallest`.
class WeightClip final : public Algorithm {
 public:
  WeightClip(std::int64_t steps, double smallest) : steps_(steps), smallest_(smallest) {}

  bool serves(const PlacedQuantizer& quantizer, const ModelParts& /*parts*/) const override {
    return quantizer.is_weight() && format_info(quantizer.spec.format).scaled;
  }

  void choose_scales(WeightInConversion& weight) const override {
    const QuantizerSpec& spec = weight.quantizer.spec;
    const Range whole = range_of(weight.values, spec);
    at::Tensor least = at::full_like(whole.max, std::numeric_limits<double>::infinity());
    at::Tensor best_share = at::full_like(whole.max, 1.0);
    for (std::int64_t step = 0; step <= steps_; ++step) {
      throw_if_interrupted();
      const double share =
          1 - (1 - smallest_) * static_cast<double>(step) / static_cast<double>(steps_);
      const Scales scales = scales_for(spec, {whole.min.mul(share), whole.max.mul(share)});
      const at::Tensor error =
          sum_per_scale(simulate(weight.values, spec, scales).sub_(weight.values).square_(), spec);
      const at::Tensor better = error.lt(least);
      least = at::where(better, error, least);
      best_share.masked_fill_(better, share);
    }
    weight.scales = scales_for(spec, {whole.min.mul(best_share), whole.max.mul(best_share)});
  }

 private:
  std::int64_t steps_;
  double smallest_;
};

}  // namespace

std::shared_ptr<const Algorithm> make_weight_clip(const Json& options, const std::string& where) {
  require_known_keys(options, {"name", "steps", "smallest"}, where);
  const auto steps = json_value<std::int64_t>(options, "steps", 40, where);
  const auto smallest = json_value<double>(options, "smallest", 0.5, where);
  if (steps < 1) throw UsageError(cat(where, ": \"steps\" is ", steps, ", expected at least 1"));
  if (!(smallest > 0 && smallest < 1)) {
    throw UsageError(cat(where, ": \"smallest\" is ", smallest, ", expected above 0 and below 1"));
  }
  return std::make_shared<WeightClip>(steps, smallest);
}

}  // namespace clipq
