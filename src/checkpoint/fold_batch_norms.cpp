#include "fold_batch_norms.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr double kEps = 1e-5;
constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kDownsample = "downsample.0";
constexpr std::array<std::string_view, 4> kTensors = {"weight", "bias", "running_mean",
                                                      "running_var"};

/// The BatchNorm after a convolution: "…bn2" after "…conv2".
std::string norm_of(const std::string& convolution) {
  const std::size_t last = convolution.rfind('.') + 1;
  if (convolution.ends_with(kDownsample)) {
    return cat(convolution.substr(0, convolution.size() - kDownsample.size()), "downsample.1");
  }
  return cat(convolution.substr(0, last), "bn", convolution.substr(last).substr(4));
}

/// The convolutions of a ResNet, by what their weights are called.
std::vector<std::string> convolutions_of(const StateDict& state, const std::string& prefix) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) {
    if (!name.starts_with(prefix) || !name.ends_with(kWeight)) continue;
    const std::string layer = name.substr(0, name.size() - kWeight.size());
    const bool is_numbered = layer.substr(layer.rfind('.') + 1).starts_with("conv");
    if (is_numbered || layer.ends_with(kDownsample)) names.push_back(layer);
  }
  return names;
}

/// Folds one layer's BatchNorm.
class Folding {
 public:
  Folding(StateDict& state, const std::string& convolution, const std::string& where)
      : state_(state), convolution_(convolution), norm_(norm_of(convolution)), where_(where) {}

  void run() {
    std::vector<std::string> missing;
    for (const std::string_view each : kTensors) {
      if (state_.count(name_of(each)) == 0) missing.emplace_back(each);
    }
    state_.erase(name_of("num_batches_tracked"));
    if (missing.size() == kTensors.size()) return require_bias();
    if (!missing.empty()) refuse(cat("it has no ", join(missing, ", ")));
    fold();
  }

 private:
  std::string name_of(std::string_view tensor) const { return cat(norm_, ".", tensor); }

  [[noreturn]] void refuse(const std::string& why) const {
    throw InputError(cat(where_, ": ", norm_, " can't be folded into ", convolution_, ": ", why));
  }

  void require_bias() const {
    if (state_.count(convolution_ + ".bias") > 0) return;
    throw InputError(cat(where_, ": ", convolution_, " has neither a BatchNorm (\"", norm_,
                         ".weight\") nor a bias; export the checkpoint again"));
  }

  at::Tensor take(std::string_view tensor, std::int64_t channels) {
    const auto found = state_.find(name_of(tensor));
    at::Tensor values = found->second.to(at::kDouble);
    state_.erase(found);
    if (values.sizes() != at::IntArrayRef({channels})) {
      refuse(cat("its ", tensor, " has shape ", values.sizes(), ", the convolution ", channels,
                 " output channels"));
    }
    if (!at::isfinite(values).all().item<bool>()) {
      refuse(cat("its ", tensor, " has values that are NaN or infinite"));
    }
    return values;
  }

  void fold() {
    at::Tensor& weight = state_.at(cat(convolution_, kWeight));
    if (weight.dim() != 4) {
      refuse(cat("the convolution's weight has ", weight.dim(), " dimensions, expected 4"));
    }
    const std::int64_t channels = weight.size(0);
    const at::Tensor gamma = take("weight", channels);
    const at::Tensor beta = take("bias", channels);
    const at::Tensor mean = take("running_mean", channels);
    const at::Tensor variance = take("running_var", channels);
    if (variance.lt(0).any().item<bool>()) refuse("its running_var has values below 0");
    const at::Tensor scale = gamma.div(variance.add(kEps).sqrt());
    weight = weight.to(at::kDouble).mul(scale.view({-1, 1, 1, 1})).to(at::kFloat);
    at::Tensor& bias = state_[convolution_ + ".bias"];
    const at::Tensor before = bias.defined() ? bias.to(at::kDouble) : at::zeros_like(mean);
    bias = before.sub(mean).mul(scale).add(beta).to(at::kFloat);
  }

  StateDict& state_;
  const std::string& convolution_;
  std::string norm_;
  const std::string& where_;
};

}  // namespace

void fold_batch_norms(StateDict& state, const std::string& prefix, const std::string& where) {
  for (const std::string& convolution : convolutions_of(state, prefix)) {
    Folding(state, convolution, where).run();
  }
}

}  // namespace clipq
