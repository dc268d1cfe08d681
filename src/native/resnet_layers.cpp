#include "resnet_layers.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/native/native_convolution.h"
#include "clipq/native/native_linear.h"

namespace clipq {
namespace {

/// Codes of a panel that leave room for weights in a core's second cache.
constexpr std::int64_t kPanelBytes = 256 * 1024;
constexpr std::int64_t kLeastRows = 24;

/// Rows that are whole tiles of every kernel: panels of a multiple, or little less, waste nothing.
constexpr std::int64_t kWholeTiles = 48;

/// Positions of a map for which reading the weights of its blocks once pays.
constexpr std::int64_t kPositions = 768;

std::vector<ResNetPhase> phases_of(const std::vector<IntegerBottleneck>& blocks) {
  std::vector<ResNetPhase> phases;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::int64_t positions = blocks[i].side * blocks[i].side;
    const std::int64_t items = (kPositions + positions - 1) / positions;
    // A phase begins where the shape of the map changes.
    const bool begins = phases.empty() || (blocks[i].downsample && phases.back().items != items);
    if (begins) phases.push_back({i, i, items});
    phases.back().last = i + 1;
  }
  return phases;
}

IntegerConvolution convolution_of(const std::shared_ptr<const Linear>& layer,
                                  const ConvolutionWindow& window, const std::string& name) {
  const IntegerLinear* integer = integer_of(layer);
  if (integer == nullptr) throw InternalError(name + " isn't native");
  return {layer, integer, window, name};
}

IntegerBottleneck bottleneck_of(const Bottleneck& block, std::int64_t side,
                                const std::string& name) {
  const auto part = [&name](const char* layer) { return cat(name, ".", layer); };
  IntegerBottleneck out = {block.shape,
                           side,
                           convolution_of(block.conv1, {}, part("conv1")),
                           convolution_of(block.conv2, Bottleneck::kWindow, part("conv2")),
                           convolution_of(block.conv3, {}, part("conv3")),
                           std::nullopt};
  if (block.downsample) {
    out.downsample = convolution_of(block.downsample, {}, part("downsample.0"));
  }
  return out;
}

std::optional<IntegerPool> pool_of(const AttentionPool2d& pool, const std::string& tower) {
  const IntegerLinear* qkv = integer_of(pool.qkv);
  if (qkv == nullptr || qkv->spans_rows() || pool.attention->quantizers() != nullptr) {
    return std::nullopt;
  }
  const std::string name = tower + ".attnpool";
  return IntegerPool{
      pool.qkv, qkv, name + ".in_proj", name, pool.positions.contiguous(), pool.attention->heads()};
}

}  // namespace

std::int64_t IntegerConvolution::panel_rows() const {
  const std::int64_t most = integer->panel_rows() / kWholeTiles * kWholeTiles;
  return std::clamp(kPanelBytes / integer->in_features(), kLeastRows, std::max(kLeastRows, most));
}

ResNetLayers::ResNetLayers(const ResNetTower& tower, const std::string& name)
    : resolution(tower.config().resolution), pool(pool_of(tower.attention_pool, name)) {
  const ResNet& resnet = tower.resnet;
  for (std::size_t i = 0; i < stem.size(); ++i) {
    stem[i] = convolution_of(resnet.stem[i], stem_window(i), cat(name, ".conv", i + 1));
  }
  std::int64_t side = stem.front().window.count(resolution) / 2;
  for (std::size_t i = 0; i < resnet.blocks.size(); ++i) {
    blocks.push_back(bottleneck_of(resnet.blocks[i], side, cat(name, ".", resnet.name_of(i))));
    side = blocks.back().out_side();
  }
  phases = phases_of(blocks);
}

const IntegerLinear* integer_of(const std::shared_ptr<const Linear>& layer) {
  if (const auto* convolution = dynamic_cast<const NativeConvolution*>(layer.get())) {
    return &convolution->integer();
  }
  const auto* linear = dynamic_cast<const NativeLinear*>(layer.get());
  return linear == nullptr ? nullptr : dynamic_cast<const IntegerLinear*>(&linear->panels());
}

}  // namespace clipq
