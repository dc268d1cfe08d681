#include "clipq/native/native_resnet.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "clipq/native/row_panels.h"
#include "resnet_pass.h"

namespace clipq {
namespace {

/// Positions of a map for which reading the weights of its blocks once pays.
constexpr std::int64_t kPositions = 768;

/// Items that go through a block together: more where maps are small and weights large.
std::int64_t items_at_once(const IntegerBottleneck& block) {
  const std::int64_t positions = block.side * block.side;
  return std::max<std::int64_t>(1, (kPositions + positions - 1) / positions);
}

/// Blocks that the same number of items goes through together.
struct Phase {
  std::size_t first;
  std::size_t last;
  std::int64_t items;
};

std::vector<Phase> phases_of(const ResNetLayers& layers) {
  std::vector<Phase> phases;
  for (std::size_t i = 0; i < layers.blocks.size(); ++i) {
    const std::int64_t items = items_at_once(layers.blocks[i]);
    if (phases.empty() || phases.back().items != items) phases.push_back({i, i, items});
    phases.back().last = i + 1;
  }
  return phases;
}

/// Calls run(first item, end) for groups of about `most` items: each thread takes groups of its own
/// if there are enough for all, else all threads share each.
template <class Run>
void for_each_group(std::int64_t items, std::int64_t most, const Run& run) {
  const std::int64_t threads = at::get_num_threads();
  const RowPanels groups(items, threads, most);
  const bool is_shared = items < threads || groups.size(0) * 2 <= most;
  if (is_shared) {
    for (std::int64_t item = 0; item < items; item += most) {
      run(item, std::min(item + most, items));
    }
    return;
  }
  // Threads take groups as they come: one that another program holds up doesn't hold up the rest.
  std::atomic<std::int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](std::int64_t /*begin*/, std::int64_t /*end*/) {
    for (std::int64_t group = next++; group < groups.count; group = next++) {
      if (groups.size(group) > 0) run(groups.first(group), groups.first(group + 1));
    }
  });
}

}  // namespace

/// What one phase leaves for the next.
struct NativeResNet::Rooms : std::array<FloatRoom, 2> {};

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

NativeResNet::NativeResNet(const ResNet& resnet, std::int64_t resolution, const std::string& tower,
                           std::shared_ptr<LayerProfile> profile)
    : resnet_(resnet),
      resolution_(resolution),
      tower_(tower),
      profile_(std::move(profile)),
      layers_(std::make_unique<ResNetLayers>(resnet, resolution, tower)) {}

NativeResNet::~NativeResNet() = default;

std::shared_ptr<const ResNetRunner> NativeResNet::profiled(
    std::shared_ptr<LayerProfile> profile) const {
  return std::make_shared<NativeResNet>(resnet_, resolution_, tower_, std::move(profile));
}

template <class Kept, class Make>
std::unique_ptr<Kept> NativeResNet::borrow(std::vector<std::unique_ptr<Kept>>& idle,
                                           const Make& make) const {
  const std::lock_guard lock(mutex_);
  if (idle.empty()) return make();
  std::unique_ptr<Kept> kept = std::move(idle.back());
  idle.pop_back();
  return kept;
}

template <class Kept>
void NativeResNet::give_back(std::vector<std::unique_ptr<Kept>>& idle,
                             std::unique_ptr<Kept> kept) const {
  const std::lock_guard lock(mutex_);
  idle.push_back(std::move(kept));
}

at::Tensor NativeResNet::forward(const at::Tensor& pixels) const {
  const at::Tensor input = pixels.contiguous();
  const std::int64_t batch = input.size(0);
  const std::vector<Phase> phases = phases_of(*layers_);
  auto rooms = borrow(idle_rooms_, [] { return std::make_unique<Rooms>(); });
  at::Tensor result;
  float* given = input.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const Phase& phase = phases[i];
    const IntegerBottleneck& first = layers_->blocks[phase.first];
    const IntegerBottleneck& last = layers_->blocks[phase.last - 1];
    FloatMap out = {nullptr, last.out_side(), last.shape.out_channels()};
    if (i + 1 < phases.size()) {
      out = (*rooms)[i % 2].map(batch, out.side, out.channels);
    } else {
      result = at::empty({batch, out.side, out.side, out.channels}, input.options());
      out.values = result.mutable_data_ptr<float>();
    }
    for_each_group(batch, phase.items, [&](std::int64_t begin, std::int64_t end) {
      auto pass = borrow(idle_passes_, [this] {
        return std::make_unique<ResNetPass>(*layers_, profile_.get());
      });
      FloatMap map = {given, first.side, first.shape.in_channels};
      if (phase.first == 0) {
        map = pass->run_stem(given + begin * input.stride(0), end - begin);
      } else {
        map.values = map.at(begin * map.positions());
      }
      pass->run_blocks(phase.first, phase.last, map, end - begin, out.at(begin * out.positions()));
      give_back(idle_passes_, std::move(pass));
    });
    given = out.values;
  }
  give_back(idle_rooms_, std::move(rooms));
  return result;
}

}  // namespace clipq
