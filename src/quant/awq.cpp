#include <ATen/ops/pow.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/quant/algorithm.h"
#include "clipq/quant/fold_search.h"
#include "clipq/quant/fold_sites.h"

namespace clipq {
namespace {

constexpr double kSmallestMagnitude = 1e-4;

/// AWQ (Lin et al. 2024): s = mean|X|^a / sqrt(max * min), so that columns that meet large inputs
/// are quantized more finely.
at::Tensor awq_scale(const at::Tensor& mean_magnitude, double exponent) {
  const at::Tensor scale = mean_magnitude.pow(exponent).clamp_min_(kSmallestMagnitude);
  return scale.div(scale.max().mul(scale.min()).sqrt());
}

class Awq final : public Algorithm {
 public:
  explicit Awq(std::int64_t steps) : steps_(steps) {}

  bool transform_needs_rows() const override { return true; }

  bool serves(const PlacedQuantizer& quantizer, const ModelParts& parts) const override {
    const std::vector<FoldSite> sites = fold_sites(parts);
    return quantizer.is_weight() &&
           std::any_of(sites.begin(), sites.end(),
                       [&](const FoldSite& site) { return concerns(site, quantizer.id); });
  }

  void transform(ClipModel& model, const Placement& placement,
                 const SampledRows& rows) const override {
    for (const FoldSite& site : fold_sites(parts_of(model))) {
      const auto sample = rows.find(site.consumer_name);
      if (site.kind == FoldKind::kQueriesKeys || sample == rows.end() ||
          find_enabled(placement, {site.consumer_name, Role::kWeight}) == nullptr) {
        continue;
      }
      const at::Tensor magnitude = by_channel(site, sample->second.abs().mean(0)).mean(1);
      const auto scale = [&](double exponent) { return awq_scale(magnitude, exponent); };
      fold(site, best_fold_scale(site, placement, sample->second, scale, steps_));
    }
  }

 private:
  std::int64_t steps_;
};

}  // namespace

std::shared_ptr<const Algorithm> make_awq(const Json& options, const std::string& where) {
  require_known_keys(options, {"name", "steps"}, where);
  const auto steps = json_value<std::int64_t>(options, "steps", 20, where);
  if (steps < 1) throw UsageError(cat(where, ": \"steps\" is ", steps, ", expected at least 1"));
  return std::make_shared<Awq>(steps);
}

}  // namespace clipq
