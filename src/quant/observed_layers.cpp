#include "clipq/quant/observed_layers.h"

#include <utility>

namespace clipq {
namespace {

void show(const std::shared_ptr<Observer>& observer, const at::Tensor& x) {
  if (observer) observer->observe(x);
}

}  // namespace

ObservedLinear::ObservedLinear(std::shared_ptr<const Linear> inner, std::shared_ptr<Observer> input)
    : inner_(std::move(inner)), input_(std::move(input)) {}

at::Tensor ObservedLinear::forward(const at::Tensor& x) const {
  show(input_, x);
  return inner_->forward(x);
}

ObservedAttention::ObservedAttention(const Attention& attention, AttentionObservers observers)
    : Attention(attention.heads(), attention.causal()), observers_(std::move(observers)) {}

at::Tensor ObservedAttention::forward(const at::Tensor& qkv) const {
  const Heads heads = split(qkv);
  show(observers_.q, heads.q);
  show(observers_.k, heads.k);
  show(observers_.v, heads.v);
  at::Tensor output = attend(heads);
  show(observers_.output, output);
  return output;
}

}  // namespace clipq
