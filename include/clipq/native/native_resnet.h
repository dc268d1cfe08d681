#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clipq/model/resnet_tower.h"
#include "clipq/native/idle_pool.h"

namespace clipq {

struct ResNetLayers;
class ResNetPass;

/// A ResNet up to its projection on integer kernels, positions by rows, channels last from end to
/// end. Of each bottleneck a panel of positions goes through the middle convolution, the last one,
/// the residual sum and the first convolution of the next bottleneck while it is in a core's cache.
class NativeResNet final : public ResNetRunner {
 public:
  /// Whether every convolution is native and none needs the whole batch.
  static bool can_run(const ResNet& resnet);

  /// @param tower its ResNet is as can_run() wants it; its layers are shared. If its pool isn't
  ///        native, that is computed layer by layer
  /// @param name canonical path of the tower, for the profile
  NativeResNet(const ResNetTower& tower, const std::string& name,
               std::shared_ptr<LayerProfile> profile = nullptr);
  ~NativeResNet() override;

  at::Tensor pool(const at::Tensor& pixels, const AttentionPool2d& attention_pool) const override;

  std::shared_ptr<const ResNetRunner> profiled(
      std::shared_ptr<LayerProfile> profile) const override;

 private:
  ResNetTower tower_;
  std::string name_;
  std::shared_ptr<LayerProfile> profile_;
  std::unique_ptr<ResNetLayers> layers_;
  mutable IdlePool<ResNetPass> passes_;
};

}  // namespace clipq
