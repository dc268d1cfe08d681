#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clipq/model/bottleneck.h"
#include "clipq/model/layer_profile.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// Stem and bottlenecks in one go, where there is a faster way than layer by layer.
class ResNetRunner {
 public:
  virtual ~ResNetRunner() = default;

  /// As ResNet's.
  virtual at::Tensor forward(const at::Tensor& pixels) const = 0;

  /// The same with the time of each layer added to `profile` under its name.
  virtual std::shared_ptr<const ResNetRunner> profiled(
      std::shared_ptr<LayerProfile> profile) const = 0;
};

/// The convolutions of CLIP's ResNets ("ModifiedResNet"), up to the last map: a stem of three 3 x 3
/// convolutions, the first of stride 2, and a pool, then bottlenecks in four stages, of which all
/// but the first halve the map.
struct ResNet {
  /// Without weights yet.
  explicit ResNet(const ImageTowerConfig& config);

  std::array<std::shared_ptr<const Linear>, 3> stem;
  std::vector<Bottleneck> blocks;
  std::shared_ptr<const ResNetRunner> runner;  ///< null: layer by layer

  /// @param pixels float32 [batch, 3, R, R]
  /// @return the last map, float32 [batch, R / 32, R / 32, width]
  at::Tensor forward(const at::Tensor& pixels) const;

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
  /// What the first bottleneck is given.
  at::Tensor embed(const at::Tensor& pixels) const;

  std::int64_t resolution_;
  ResNetStages stages_;
};

/// The window of a convolution of the stem.
ConvolutionWindow stem_window(std::size_t index);

}  // namespace clipq
