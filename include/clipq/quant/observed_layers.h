#pragma once

#include "clipq/model/attention.h"
#include "clipq/model/wrapped_linear.h"
#include "clipq/numerics/observer.h"
#include "clipq/quant/row_sample.h"

namespace clipq {

/// A layer whose input is shown to an observer and sampled; either may be null.
class ObservedLinear final : public WrappedLinear {
 public:
  ObservedLinear(std::shared_ptr<const Linear> inner, std::shared_ptr<Observer> input,
                 std::shared_ptr<RowSample> sample);

  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override;
  bool needs_whole_batch() const override { return true; }

 private:
  at::Tensor pass(const at::Tensor& x, const std::function<at::Tensor()>& compute) const override;

  std::shared_ptr<Observer> input_;
  std::shared_ptr<RowSample> sample_;
};

/// The observers around attention; any may be null.
struct AttentionObservers {
  std::shared_ptr<Observer> q;
  std::shared_ptr<Observer> k;
  std::shared_ptr<Observer> v;
  std::shared_ptr<Observer> softmax;
  std::shared_ptr<Observer> output;
  std::shared_ptr<at::Tensor> sample;  ///< is set to the first item's qkv; where there is one
                                       ///< query only, it is repeated for every token

  bool any() const { return q || k || v || softmax || output || sample; }
};

/// Float attention whose operands and output are shown to observers.
class ObservedAttention final : public Attention {
 public:
  ObservedAttention(const Attention& attention, AttentionObservers observers);

  at::Tensor forward(const at::Tensor& qkv) const override;
  at::Tensor forward_pooled(const at::Tensor& q, const at::Tensor& kv,
                            const at::Tensor& positions) const override;
  bool needs_whole_batch() const override { return true; }

 protected:
  at::Tensor compute(const Heads& heads) const override;

 private:
  bool wants_sample() const { return observers_.sample && !observers_.sample->defined(); }

  AttentionObservers observers_;
};

}  // namespace clipq
