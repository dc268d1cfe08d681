#include "clipq/model/resnet.h"

#include <ATen/ops/relu.h>

#include <algorithm>

#include "clipq/core/strings.h"
#include "convolution_parts.h"

namespace clipq {
namespace {

/// How many times as long as a map's side the one of the image is.
constexpr std::int64_t kStemConvolutions = 2;
constexpr std::int64_t kStem = 4;

}  // namespace

ConvolutionWindow stem_window(std::size_t index) { return {3, index == 0 ? 2 : 1}; }

ResNet::ResNet(const ImageTowerConfig& config)
    : resolution_(config.resolution), stages_(config.stages) {
  std::int64_t in_channels = config.stages.width;
  std::int64_t channels = config.stages.width;
  for (std::size_t stage = 0; stage < config.stages.blocks.size(); ++stage, channels *= 2) {
    for (std::int64_t i = 0; i < config.stages.blocks[stage]; ++i) {
      blocks.emplace_back(BottleneckShape{in_channels, channels, stage > 0 && i == 0});
      in_channels = blocks.back().shape.out_channels();
    }
  }
}

std::pair<std::int64_t, std::int64_t> ResNet::place_of(std::size_t block) const {
  auto index = static_cast<std::int64_t>(block);
  std::int64_t stage = 1;
  for (const std::int64_t count : stages_.blocks) {
    if (index < count) break;
    index -= count;
    ++stage;
  }
  return {stage, index};
}

std::string ResNet::name_of(std::size_t block) const {
  const auto [stage, index] = place_of(block);
  return cat("layer", stage, ".", index);
}

at::Tensor ResNet::embed(const at::Tensor& pixels) const {
  at::Tensor x = pixels.permute({0, 2, 3, 1}).contiguous();
  for (std::size_t i = 0; i < stem.size(); ++i) {
    x = at::relu(stem[i]->convolve(x, stem_window(i)));
  }
  return average_pool(x);
}

at::Tensor ResNet::forward(const at::Tensor& pixels) const {
  at::Tensor x = embed(pixels);
  for (const Bottleneck& block : blocks) x = block.forward(x);
  return x;
}

std::vector<at::Tensor> ResNet::block_outputs(const at::Tensor& pixels) const {
  std::vector<at::Tensor> outputs;
  at::Tensor x = embed(pixels);
  for (const Bottleneck& block : blocks) {
    x = block.forward(x);
    outputs.push_back(x.flatten(1, 2));
  }
  return outputs;
}

bool ResNet::needs_whole_batch() const {
  const auto needs = [](const auto& layer) { return layer->needs_whole_batch(); };
  return std::any_of(stem.begin(), stem.end(), needs) ||
         std::any_of(blocks.begin(), blocks.end(),
                     [](const Bottleneck& block) { return block.needs_whole_batch(); });
}

void ResNet::add_parts(ModelParts& parts, const PartPlace& place) {
  const std::int64_t width = stages_.width;
  const std::int64_t half = width / 2;
  PartPlace at = place;
  at.group = place.of("stem").name;
  const std::int64_t stem_side = resolution_ / kStemConvolutions;
  at.rows = stem_side * stem_side;
  add_convolution(parts, at.of("conv1"), stem[0], {half, kImageChannels, stem_window(0)});
  add_convolution(parts, at.of("conv2"), stem[1], {half, half, stem_window(1), &stem[0]});
  add_convolution(parts, at.of("conv3"), stem[2], {width, half, stem_window(2), &stem[1]});
  std::int64_t side = resolution_ / kStem;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    at.rows = side * side;
    PartPlace block = at.of(name_of(i));
    block.block = static_cast<std::int64_t>(i);
    block.stage = *block.block + 1;
    block.group = block.name;
    blocks[i].add_parts(parts, block);
    if (blocks[i].shape.halves) side /= 2;
  }
}

}  // namespace clipq
