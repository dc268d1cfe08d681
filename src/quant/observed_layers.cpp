#include "clipq/quant/observed_layers.h"

#include <ATen/ops/cat.h>

#include <utility>

namespace clipq {
namespace {

void show(const std::shared_ptr<Observer>& observer, const at::Tensor& x) {
  if (observer) observer->observe(x);
}

}  // namespace

ObservedLinear::ObservedLinear(std::shared_ptr<const Linear> inner, std::shared_ptr<Observer> input,
                               std::shared_ptr<RowSample> sample)
    : WrappedLinear(std::move(inner)), input_(std::move(input)), sample_(std::move(sample)) {}

at::Tensor ObservedLinear::pass(const at::Tensor& x,
                                const std::function<at::Tensor()>& compute) const {
  show(input_, x);
  if (sample_ && x.size(-1) == in_features()) sample_->add(x);
  return compute();
}

at::Tensor ObservedLinear::convolve(const at::Tensor& map, const ConvolutionWindow& window) const {
  if (sample_ && window.area() > 1) {
    // One item's windows at a time: each value is in several.
    for (std::int64_t item = 0; item < map.size(0); ++item) {
      sample_->add(unfold(map.narrow(0, item, 1), window));
    }
  }
  return WrappedLinear::convolve(map, window);
}

ObservedAttention::ObservedAttention(const Attention& attention, AttentionObservers observers)
    : Attention(attention.heads(), attention.causal()), observers_(std::move(observers)) {}

at::Tensor ObservedAttention::forward(const at::Tensor& qkv) const {
  if (wants_sample()) *observers_.sample = qkv.narrow(0, 0, 1).clone();
  return compute(split(qkv));
}

at::Tensor ObservedAttention::forward_pooled(const at::Tensor& q, const at::Tensor& kv,
                                             const at::Tensor& positions) const {
  if (wants_sample()) {
    const at::Tensor queries = q.narrow(0, 0, 1).expand({1, kv.size(1), q.size(2)});
    *observers_.sample = at::cat({queries, kv.narrow(0, 0, 1)}, 2);
  }
  return Attention::forward_pooled(q, kv, positions);
}

at::Tensor ObservedAttention::compute(const Heads& heads) const {
  show(observers_.q, heads.q);
  show(observers_.k, heads.k);
  show(observers_.v, heads.v);
  const auto observe_softmax = [this](const at::Tensor& probabilities) {
    observers_.softmax->observe(probabilities);
    return probabilities;
  };
  at::Tensor output = observers_.softmax ? attend(heads, observe_softmax) : attend(heads);
  show(observers_.output, output);
  return output;
}

}  // namespace clipq
