#include "clipq/native/native_resnet.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "clipq/native/row_panels.h"
#include "resnet_pass.h"

namespace clipq {
namespace {

/// Items a thread from which on it doesn't matter that the last groups don't end together.
constexpr std::int64_t kManyItems = 8;

/// Calls run(first item, end) for groups of about `most` items: each thread takes groups of its own
/// if all have about as much to do, else all threads share one item after the other.
template <class Run>
void for_each_group(std::int64_t items, std::int64_t most, const Run& run) {
  const std::int64_t threads = at::get_num_threads();
  if (items % threads != 0 && items < kManyItems * threads) return run(0, items);
  const RowPanels groups(items, threads, most);
  for_each_in_turn(groups.count, [&](std::int64_t group) {
    if (groups.size(group) > 0) run(groups.first(group), groups.first(group + 1));
  });
}

}  // namespace

bool NativeResNet::can_run(const ResNet& resnet) {
  const auto is_native = [](const std::shared_ptr<const Linear>& layer) {
    return integer_of(layer) != nullptr && !layer->needs_whole_batch();
  };
  return std::all_of(resnet.stem.begin(), resnet.stem.end(), is_native) &&
         std::all_of(resnet.blocks.begin(), resnet.blocks.end(), [&](const Bottleneck& block) {
           return is_native(block.conv1) && is_native(block.conv2) && is_native(block.conv3) &&
                  (!block.downsample || is_native(block.downsample));
         });
}

NativeResNet::NativeResNet(const ResNetTower& tower, const std::string& name,
                           std::shared_ptr<LayerProfile> profile)
    : tower_(tower),
      name_(name),
      profile_(std::move(profile)),
      layers_(std::make_unique<ResNetLayers>(tower, name)) {}

NativeResNet::~NativeResNet() = default;

std::shared_ptr<const ResNetRunner> NativeResNet::profiled(
    std::shared_ptr<LayerProfile> profile) const {
  return std::make_shared<NativeResNet>(tower_, name_, std::move(profile));
}

at::Tensor NativeResNet::pool(const at::Tensor& pixels,
                              const AttentionPool2d& attention_pool) const {
  const at::Tensor input = pixels.contiguous();
  const std::int64_t batch = input.size(0);
  const std::int64_t side = layers_->blocks.back().out_side();
  const std::int64_t width = layers_->blocks.back().shape.out_channels();
  const bool has_pool = layers_->pool.has_value();
  at::Tensor output = has_pool ? at::empty({batch, width}, input.options())
                               : at::empty({batch, side, side, width}, input.options());
  const float* values = input.const_data_ptr<float>();
  float* out = output.mutable_data_ptr<float>();
  for_each_group(batch, layers_->phases.back().items, [&](std::int64_t begin, std::int64_t end) {
    std::unique_ptr<ResNetPass> pass = passes_.borrow();
    if (pass == nullptr) pass = std::make_unique<ResNetPass>(*layers_, profile_.get());
    const float* first = values + begin * input.stride(0);
    float* result = out + begin * output.stride(0);
    if (has_pool) {
      pass->run_pooled(first, end - begin, result);
    } else {
      pass->run(first, end - begin, result);
    }
    passes_.give_back(std::move(pass));
  });
  return has_pool ? output : attention_pool.attend(output);
}

}  // namespace clipq
