#include "clipq/quant/simulated_layers.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/linear.h>

#include <utility>

namespace clipq {
namespace {

at::Tensor simulate_if(const std::optional<ActivationQuantizer>& quantizer, const at::Tensor& x) {
  return quantizer ? quantizer->simulate(x) : x;
}

}  // namespace

StoredWeight::StoredWeight(at::Tensor values) : values_(std::move(values)) {}

StoredWeight::StoredWeight(QuantizedTensor quantized) : quantized_(std::move(quantized)) {}

const at::Tensor& StoredWeight::values() const {
  if (quantized_) std::call_once(dequantized_, [this] { values_ = dequantize(*quantized_); });
  return values_;
}

SimulatedLinear::SimulatedLinear(std::shared_ptr<const StoredWeight> weight, at::Tensor bias,
                                 std::optional<ActivationQuantizer> input)
    : weight_(std::move(weight)), bias_(std::move(bias)), input_(std::move(input)) {}

at::Tensor SimulatedLinear::forward(const at::Tensor& x) const {
  return forward_unquantized(simulate_if(input_, x));
}

at::Tensor SimulatedLinear::forward_part(const at::Tensor& x, std::int64_t first,
                                         std::int64_t count) const {
  return at::linear(simulate_if(input_, x), weight_->values().narrow(0, first, count),
                    bias_.defined() ? bias_.narrow(0, first, count) : bias_);
}

at::Tensor SimulatedLinear::convolve(const at::Tensor& map, const ConvolutionWindow& window) const {
  const at::Tensor items = simulate_if(input_, map.flatten(1));
  return clipq::convolve(items.view(map.sizes()), weight_->values(), bias_, window);
}

at::Tensor SimulatedLinear::forward_unquantized(const at::Tensor& x) const {
  return at::linear(x, weight_->values(), bias_);
}

std::optional<LinearContents> SimulatedLinear::contents() const {
  const QuantizedTensor* quantized = weight_->quantized();
  return LinearContents{quantized == nullptr ? weight_->values() : at::Tensor(), quantized, bias_,
                        input_ ? &*input_ : nullptr};
}

SimulatedAttention::SimulatedAttention(std::int64_t heads, bool causal,
                                       AttentionQuantizers quantizers)
    : Attention(heads, causal), quantizers_(std::move(quantizers)) {}

bool SimulatedAttention::needs_whole_batch() const {
  const auto spans_rows = [](const std::optional<ActivationQuantizer>& quantizer) {
    return quantizer && quantizer->spans_rows();
  };
  return spans_rows(quantizers_.q) || spans_rows(quantizers_.k) ||
         spans_rows(quantizers_.softmax) || spans_rows(quantizers_.v) ||
         spans_rows(quantizers_.output);
}

at::Tensor SimulatedAttention::compute(const Heads& parts) const {
  const Heads heads = {simulate_if(quantizers_.q, parts.q), simulate_if(quantizers_.k, parts.k),
                       simulate_if(quantizers_.v, parts.v), parts.visible};
  const auto simulate_softmax = [this](const at::Tensor& probabilities) {
    return quantizers_.softmax->simulate(probabilities);
  };
  return simulate_if(quantizers_.output,
                     quantizers_.softmax ? attend(heads, simulate_softmax) : attend(heads));
}

std::vector<std::pair<Role, Diagnosis>> SimulatedAttention::diagnose(const at::Tensor& qkv) const {
  const Heads heads = split(qkv);
  at::Tensor probabilities;
  const at::Tensor output = attend(heads, [&probabilities](const at::Tensor& softmax) {
    probabilities = softmax;
    return softmax;
  });
  std::vector<std::pair<Role, Diagnosis>> diagnoses;
  const auto add = [&](Role role, const std::optional<ActivationQuantizer>& quantizer,
                       const at::Tensor& x) {
    if (quantizer) diagnoses.emplace_back(role, clipq::diagnose(x, *quantizer));
  };
  add(Role::kQBmm, quantizers_.q, heads.q);
  add(Role::kKBmm, quantizers_.k, heads.k);
  add(Role::kSoftmax, quantizers_.softmax, probabilities);
  add(Role::kVBmm, quantizers_.v, heads.v);
  add(Role::kBmm2Output, quantizers_.output, output);
  return diagnoses;
}

SimulatedEmbedding::SimulatedEmbedding(QuantizedTensor weight) : weight_(std::move(weight)) {}

at::Tensor SimulatedEmbedding::forward(const at::Tensor& ids) const {
  const at::Tensor& scale = weight_.scales.scale;
  const at::Tensor& zero_point = weight_.scales.zero_point;
  const bool per_row = scale.dim() > 0;
  const auto rows_of = [&](const at::Tensor& table) {
    return per_row && table.defined() ? at::embedding(table, ids) : table;
  };
  const at::Tensor codes = at::embedding(weight_.codes, ids);
  const Scales scales = {rows_of(scale), rows_of(zero_point), {}};
  return dequantize({weight_.spec, codes, weight_.columns, scales});
}

}  // namespace clipq
