#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clipq/model/bottleneck.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// The convolutions of CLIP's ResNets ("ModifiedResNet"), up to the last map: a stem of three 3 x 3
/// convolutions, the first of stride 2, and a pool, then bottlenecks in four stages, of which all
/// but the first halve the map.
struct ResNet {
  /// Without weights yet.
  explicit ResNet(const ImageTowerConfig& config);

  std::array<std::shared_ptr<const Linear>, 3> stem;
  std::vector<Bottleneck> blocks;

  /// @param pixels float32 [batch, 3, R, R]
  /// @return the last map, float32 [batch, R / 32, R / 32, width]
  at::Tensor forward(const at::Tensor& pixels) const;

  /// What the first bottleneck is given.
  at::Tensor embed(const at::Tensor& pixels) const;

  /// The output of each bottleneck, computed layer by layer: float32 [batch, positions, channels]
  /// each.
  std::vector<at::Tensor> block_outputs(const at::Tensor& pixels) const;

  bool needs_whole_batch() const;

  /// Which stage a block belongs to, from 1 on, and which it is there, from 0 on.
  std::pair<std::int64_t, std::int64_t> place_of(std::size_t block) const;
  /// A block's name within the tower: "layer1.0".
  std::string name_of(std::size_t block) const;

  /// @param place of the tower
  void add_parts(ModelParts& parts, const PartPlace& place);

 private:
  std::int64_t resolution_;
  ResNetStages stages_;
};

/// The window of a convolution of the stem.
ConvolutionWindow stem_window(std::size_t index);

}  // namespace clipq
