#pragma once

#include <vector>

#include "clipq/model/layer_profile.h"
#include "code_map.h"
#include "resnet_layers.h"

namespace clipq {

/// A map of floats, some items one behind the other: [items, side, side, channels].
struct FloatMap {
  std::vector<float> values;
  std::int64_t side = 0;
  std::int64_t channels = 0;

  std::int64_t positions() const { return side * side; }
  float* at(std::int64_t position) { return values.data() + position * channels; }
  const float* at(std::int64_t position) const { return values.data() + position * channels; }
  /// Makes room; keeps what is large enough. What stood there is lost.
  void resize(std::int64_t items, std::int64_t new_side, std::int64_t new_channels);
};

/// Takes some items through a ResNet, and keeps its buffers from one time to the next. Panels of
/// positions are shared among threads, unless it is called within a parallel region.
class ResNetPass {
 public:
  /// Keeps references.
  /// @param profile may be null
  ResNetPass(const ResNetLayers& layers, LayerProfile* profile);

  /// Begins with the stem.
  /// @param pixels float32 [items, resolution, resolution, 3]
  void run_stem(const float* pixels, std::int64_t items);

  /// Begins with what another pass has left off with.
  /// @param map float32 [items, side, side, channels] of the first block that will be run
  void start(const float* map, std::int64_t items, const IntegerBottleneck& block);

  /// The blocks [first, last).
  void run_blocks(std::size_t first, std::size_t last);

  /// What the last block returned: float32 [items, side, side, channels].
  const FloatMap& output() const { return map_; }

 private:
  struct Panels;

  void first_convolution(const IntegerBottleneck& block);
  void run_block(const IntegerBottleneck& block, const IntegerBottleneck* next);
  void hidden_panel(const IntegerBottleneck& block, std::int64_t row, std::int64_t rows,
                    Panels& panels) const;
  void residual_panel(const IntegerBottleneck& block, std::int64_t row, std::int64_t rows,
                      Panels& panels);
  void convolve_into(const IntegerConvolution& layer, const CodeMap& source,
                     const IntegerConvolution& next, CodeMap& codes);
  void deliver(const IntegerConvolution& layer, const IntegerConvolution& next, std::int64_t row,
               Panels& panels, CodeMap& codes);
  void quantize_if_dynamic(const IntegerConvolution& next, CodeMap& codes);
  void prepare(const IntegerConvolution& next, std::int64_t side, std::int64_t channels,
               CodeMap& codes);

  TimedLayer time(const IntegerConvolution& layer) const;

  const ResNetLayers& layers_;
  LayerProfile* profile_;
  int threads_ = 1;
  std::int64_t items_ = 0;
  FloatMap map_;       ///< the residual stream
  FloatMap next_map_;  ///< the one that is being made where its shape changes
  FloatMap hidden_;    ///< of a convolution before pooling
  FloatMap floats_;    ///< on their way into a map of codes, before an item's range is known
  CodeMap codes_;      ///< what the middle convolution is given
  CodeMap next_codes_;
};

}  // namespace clipq
