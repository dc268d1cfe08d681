#include <ATen/ops/amax.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/quant/algorithm.h"
#include "clipq/quant/fold_search.h"
#include "clipq/quant/fold_sites.h"

namespace clipq {
namespace {

/// A normalized value seldom lies farther from 0: a channel's range is guessed as |bias| + this
/// times |gain|. Only ratios between channels matter.
constexpr double kDeviations = 3;

struct EqualizeOptions {
  double alpha;
  bool data_free;
  bool search = false;
  bool only_convolutions = false;
};

/// The largest magnitude of each channel that the consumer is given, or of its columns in a weight.
at::Tensor channel_amax(const FoldSite& site, const at::Tensor& rows) {
  return at::amax(by_channel(site, at::amax(rows.abs(), {0})), {1});
}

/// The range of a LayerNorm's output channels, from its parameters alone: [width].
at::Tensor estimated_amax(const LayerNorm& norm) {
  return norm.bias.abs().add(norm.weight.abs(), kDeviations);
}

/// The range of a linear layer's output channels after a LayerNorm, whose normalized values are
/// taken as independent: |mean| + kDeviations standard deviations.
at::Tensor estimated_amax(const LayerNorm& norm, const ProjectionPart& part) {
  const at::Tensor mean = at::linear(norm.bias, part.weight, part.bias);
  return mean.abs().add(part.weight.mul(norm.weight).norm(2, 1), kDeviations);
}

/// Dead channels keep their magnitude.
at::Tensor or_one(const at::Tensor& scale) {
  const at::Tensor usable = scale.isfinite().logical_and(scale.gt(0));
  return at::where(usable, scale, scale.new_ones({}));
}

/// SmoothQuant (Xiao et al. 2023): s_j = max|X_j|^alpha / max|W_j|^(1 - alpha). With the range of
/// the producer's weights for that of X, and alpha 1/2, it is cross-layer equalization (Nagel et
/// al. 2019).
at::Tensor smoothing_scale(const at::Tensor& input_amax, const at::Tensor& weight_amax,
                           double alpha) {
  return or_one(input_amax.pow(alpha).div(weight_amax.pow(1 - alpha)));
}

class Equalize final : public Algorithm {
 public:
  explicit Equalize(const EqualizeOptions& options) : options_(options) {}

  bool transform_needs_rows() const override { return !options_.data_free; }

  bool serves(const PlacedQuantizer& quantizer, const ModelParts& parts) const override {
    const std::vector<FoldSite> sites = fold_sites(parts);
    return std::any_of(sites.begin(), sites.end(), [&](const FoldSite& site) {
      return is_served(site) && concerns(site, quantizer.id);
    });
  }

  void transform(ClipModel& model, const Placement& placement,
                 const SampledRows& rows) const override {
    for (const FoldSite& site : fold_sites(parts_of(model))) {
      if (is_served(site) && is_quantized(site, placement)) {
        fold(site, scale_of(site, placement, rows));
      }
    }
  }

 private:
  /// Without data there must be something to estimate ranges from.
  bool is_served(const FoldSite& site) const {
    if (site.kind == FoldKind::kConvolution) return true;
    return !options_.only_convolutions && (site.norm != nullptr || !options_.data_free);
  }

  at::Tensor scale_of(const FoldSite& site, const Placement& placement,
                      const SampledRows& rows) const {
    const auto found = rows.find(site.consumer_name);
    const at::Tensor sample = found == rows.end() ? at::Tensor() : found->second;
    if (site.kind == FoldKind::kQueriesKeys) {
      return or_one(part_amax(site, 0, sample).div(part_amax(site, 1, sample)).sqrt());
    }
    const at::Tensor input_amax = sample.defined() ? channel_amax(site, sample) : estimate(site);
    const at::Tensor weight_amax = channel_amax(site, float_contents(**site.consumer).weight);
    if (!options_.search || !sample.defined()) {
      return smoothing_scale(input_amax, weight_amax, options_.alpha);
    }
    return best_fold_scale(site, placement, sample, [&](double alpha) {
      return smoothing_scale(input_amax, weight_amax, alpha);
    });
  }

  static at::Tensor estimate(const FoldSite& site) {
    if (site.kind == FoldKind::kNorm) return estimated_amax(*site.norm);
    if (site.kind == FoldKind::kConvolution) {
      return at::amax(float_contents(**site.producer).weight.abs(), {1});
    }
    return estimated_amax(*site.norm, part_of(**site.producer, 2));
  }

  /// The range of queries (0) or keys (1): [width].
  static at::Tensor part_amax(const FoldSite& site, std::int64_t index, const at::Tensor& sample) {
    const ProjectionPart part = part_of(**site.producer, index);
    if (!sample.defined()) return estimated_amax(*site.norm, part);
    return channel_amax(site, at::linear(sample, part.weight, part.bias));
  }

  EqualizeOptions options_;
};

}  // namespace

std::shared_ptr<const Algorithm> make_equalize(const Json& json, const std::string& where) {
  require_known_keys(json, {"name", "alpha", "data_free", "search"}, where);
  const EqualizeOptions options = {.alpha = json_value(json, "alpha", 0.6, where),
                                   .data_free = json_value(json, "data_free", false, where),
                                   .search = json_value(json, "search", false, where)};
  if (!(options.alpha >= 0 && options.alpha <= 1)) {
    throw UsageError(cat(where, ": \"alpha\" is ", options.alpha, ", expected 0 to 1"));
  }
  if (options.search && json.contains("alpha")) {
    throw UsageError(cat(where, ": \"search\" finds alpha; leave \"alpha\" out"));
  }
  if (options.data_free && options.search) {
    throw UsageError(cat(where, ": \"search\" needs data; set \"data_free\" to false"));
  }
  return std::make_shared<Equalize>(options);
}

std::shared_ptr<const Algorithm> make_cross_layer_equalization(const Json& json,
                                                               const std::string& where) {
  require_known_keys(json, {"name"}, where);
  return std::make_shared<Equalize>(
      EqualizeOptions{.alpha = 0.5, .data_free = true, .only_convolutions = true});
}

}  // namespace clipq
