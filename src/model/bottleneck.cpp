#include "clipq/model/bottleneck.h"

#include <ATen/ops/relu.h>

#include "convolution_parts.h"

namespace clipq {

at::Tensor Bottleneck::forward(const at::Tensor& x) const {
  const auto pool = [this](const at::Tensor& map) {
    return shape.halves ? average_pool(map) : map;
  };
  const at::Tensor reduced = at::relu(conv1->forward(x));
  const at::Tensor hidden = pool(at::relu(conv2->convolve(reduced, kWindow)));
  const at::Tensor residual = downsample ? downsample->forward(pool(x)) : x;
  return conv3->forward(hidden).add_(residual).relu_();
}

bool Bottleneck::needs_whole_batch() const {
  return conv1->needs_whole_batch() || conv2->needs_whole_batch() || conv3->needs_whole_batch() ||
         (downsample && downsample->needs_whole_batch());
}

void Bottleneck::add_parts(ModelParts& parts, const PartPlace& place) {
  PartPlace pooled = place;
  if (shape.halves) pooled.rows /= 4;
  const std::int64_t out = shape.out_channels();
  add_convolution(parts, place.of("conv1"), conv1, {shape.channels, shape.in_channels});
  add_convolution(parts, place.of("conv2"), conv2,
                  {shape.channels, shape.channels, kWindow, &conv1});
  add_convolution(parts, pooled.of("conv3"), conv3, {out, shape.channels, {}, &conv2});
  if (!shape.has_downsample()) return;
  add_convolution(parts, pooled.of("downsample.0"), downsample, {out, shape.in_channels});
}

}  // namespace clipq
