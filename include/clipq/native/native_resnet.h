#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "clipq/model/resnet.h"

namespace clipq {

struct ResNetLayers;
class ResNetPass;

/// The convolutions of a ResNet on integer kernels, positions by rows, channels last from end to
/// end. Of each bottleneck a panel of positions goes through the middle convolution, the last one,
/// the residual sum and the first convolution of the next bottleneck while it is in a core's cache.
class NativeResNet final : public ResNetRunner {
 public:
  /// Whether every convolution is native and none needs the whole batch.
  static bool can_run(const ResNet& resnet);

  /// @param resnet as can_run() wants it; its layers are shared
  /// @param resolution pixels a side
  /// @param tower its canonical name, for the profile
  NativeResNet(const ResNet& resnet, std::int64_t resolution, const std::string& tower,
               std::shared_ptr<LayerProfile> profile = nullptr);
  ~NativeResNet() override;

  at::Tensor forward(const at::Tensor& pixels) const override;

  std::shared_ptr<const ResNetRunner> profiled(
      std::shared_ptr<LayerProfile> profile) const override;

 private:
  std::unique_ptr<ResNetPass> borrow_pass() const;
  void give_back(std::unique_ptr<ResNetPass> pass) const;

  ResNet resnet_;
  std::int64_t resolution_;
  std::string tower_;
  std::shared_ptr<LayerProfile> profile_;
  std::unique_ptr<ResNetLayers> layers_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<ResNetPass>> idle_;  ///< with buffers of calls that ended
};

}  // namespace clipq
