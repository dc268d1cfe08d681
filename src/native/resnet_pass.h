#pragma once

#include <optional>
#include <vector>

#include "clipq/model/layer_profile.h"
#include "code_map.h"
#include "float_map.h"
#include "pool_pass.h"
#include "resnet_layers.h"

namespace clipq {

/// Takes some items through a ResNet, and keeps its buffers from one time to the next. Panels of
/// positions are shared among threads, unless it is called within a parallel region.
class ResNetPass {
 public:
  /// Keeps references.
  /// @param profile may be null
  ResNetPass(const ResNetLayers& layers, LayerProfile* profile);

  /// @param pixels float32 [items, 3, resolution, resolution]
  /// @param out the last map, float32 [items, side, side, channels]
  void run(const float* pixels, std::int64_t items, float* out);

  /// Wants a native pool.
  /// @param out what the pool's attention returns, float32 [items, width]
  void run_pooled(const float* pixels, std::int64_t items, float* out);

 private:
  struct Panels;

  void run_phases(std::size_t count, const float* pixels, std::int64_t items, const FloatMap& out);
  FloatMap run_stem(const float* pixels, std::int64_t items);
  void run_blocks(const ResNetPhase& phase, const FloatMap& map, std::int64_t items,
                  const FloatMap& out);
  void convolve_into(const IntegerConvolution& layer, const CodeMap& source,
                     const IntegerConvolution& next, CodeMap& codes);
  void first_convolution(const IntegerBottleneck& block, const FloatMap& map);
  FloatMap convolve_lines(const IntegerConvolution& layer, const CodeMap& source, std::int64_t line,
                          std::int64_t lines, Panels& panels) const;
  void run_block(const IntegerBottleneck& block, const IntegerBottleneck* next, const FloatMap& map,
                 const FloatMap& out);
  void residual_panel(const IntegerBottleneck& block, const FloatMap& map, const FloatMap& out,
                      std::int64_t row, Panels& panels) const;
  void hidden_panel(const IntegerBottleneck& block, std::int64_t row, std::int64_t rows,
                    Panels& panels) const;
  void last_panel(const IntegerBottleneck& block, const IntegerBottleneck* next,
                  const FloatMap& out, std::int64_t row, Panels& panels) const;
  void deliver(const IntegerConvolution& layer, const IntegerConvolution& next, std::int64_t row,
               const InputPanel& input, CodeMap& codes) const;
  void quantize_if_dynamic(const IntegerConvolution& next, CodeMap& codes) const;
  void prepare(const IntegerConvolution& next, std::int64_t side, std::int64_t channels,
               CodeMap& codes);

  TimedLayer time(const IntegerConvolution& layer) const {
    return {profile_, layer.name, threads_};
  }

  const ResNetLayers& layers_;
  LayerProfile* profile_;
  int threads_;
  std::int64_t items_ = 0;
  std::vector<FloatRoom> phase_rooms_;  ///< of what each phase leaves for the next
  FloatRoom map_room_;                  ///< of the residual stream
  FloatRoom next_room_;                 ///< likewise; both take turns where its shape changes
  FloatRoom floats_room_;
  FloatMap floats_{};  ///< on their way into a map of codes, before an item's range is known
  CodeMap codes_;      ///< what the middle convolution is given
  CodeMap next_codes_;
  std::optional<PoolPass> pool_;  ///< absent: it isn't native
};

}  // namespace clipq
