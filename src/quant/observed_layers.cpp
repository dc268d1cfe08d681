#include "clipq/quant/observed_layers.h"

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

at::Tensor ObservedLinear::forward(const at::Tensor& x) const {
  show(input_, x);
  if (sample_) sample_->add(x);
  return inner().forward(x);
}

ObservedAttention::ObservedAttention(const Attention& attention, AttentionObservers observers)
    : Attention(attention.heads(), attention.causal()), observers_(std::move(observers)) {}

at::Tensor ObservedAttention::forward(const at::Tensor& qkv) const {
  if (observers_.sample && !observers_.sample->defined()) {
    *observers_.sample = qkv.narrow(0, 0, 1).clone();
  }
  return compute(split(qkv));
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
