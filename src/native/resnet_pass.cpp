#include "resnet_pass.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipq/kernels/map_kernels.h"
#include "clipq/native/row_panels.h"
#include "quantize_map.h"

namespace clipq {
namespace {

/// Positions of a pooled map that go through a block together.
constexpr std::int64_t kPooledRows = 56;

/// The mean of the square of 2 x 2 positions that becomes `position` of a map half as long.
void average(const FloatMap& map, std::int64_t position, float* out) {
  const std::int64_t half = map.side / 2;
  // Lines of all items are numbered in a row; each of the pooled map stands for two.
  const std::int64_t line = position / half;
  const float* above = map.at(2 * line * map.side + 2 * (position % half));
  const float* below = above + map.side * map.stride;
  average_rows({above, above + map.stride, below, below + map.stride}, map.channels, out);
}

}  // namespace

/// What a thread works on.
struct ResNetPass::Panels {
  InputPanel input;   ///< of the middle convolution, or of another one
  InputPanel hidden;  ///< of the last one
  FloatRoom row;
  FloatRoom rows;

  static Panels& of_this_thread() {
    static thread_local Panels panels;
    return panels;
  }
};

ResNetPass::ResNetPass(const ResNetLayers& layers, LayerProfile* profile)
    : layers_(layers),
      profile_(profile),
      threads_(at::get_num_threads()),
      phase_rooms_(layers.phases.size()) {
  if (layers.pool) pool_.emplace(*layers.pool, profile);
}

/// Makes room for what `next` is given.
void ResNetPass::prepare(const IntegerConvolution& next, std::int64_t side, std::int64_t channels,
                         CodeMap& codes) {
  codes.resize(items_, {side, side, channels}, next.window);
  const CodeRule& rule = next.rule();
  if (rule.per_row) {
    floats_ = {floats_room_.at_least(items_ * side * side * channels), side, channels, channels};
    return;
  }
  const RowScale scale = {rule.scale, static_cast<std::int32_t>(rule.zero_point)};
  for (std::int64_t item = 0; item < items_; ++item) codes.set_scale(item, scale);
}

/// A panel through `layer` and ReLU into the map that `next` is given, from position `row` on;
/// where items have ranges of their own, into floats first.
void ResNetPass::deliver(const IntegerConvolution& layer, const IntegerConvolution& next,
                         std::int64_t row, const InputPanel& input, CodeMap& codes) const {
  const std::int64_t channels = layer.integer->out_features();
  if (next.rule().per_row) {
    layer.integer->run(input, {.out = floats_.at(row), .stride = floats_.stride, .relu = true});
    return;
  }
  layer.integer->run(
      input,
      {.relu = true, .codes = codes.at(row), .codes_stride = channels, .rule = &next.rule()});
  for (std::int64_t i = 0; i < input.rows(); ++i) {
    if (std::isnan(input.scales()[i].scale)) codes.spoil(row + i);
  }
}

void ResNetPass::quantize_if_dynamic(const IntegerConvolution& next, CodeMap& codes) const {
  if (next.rule().per_row) quantize_map(floats_.values, next.rule(), codes);
}

/// A convolution of windows, whose output is that of another one.
void ResNetPass::convolve_into(const IntegerConvolution& layer, const CodeMap& source,
                               const IntegerConvolution& next, CodeMap& codes) {
  const std::int64_t side = layer.window.count(source.shape().height);
  prepare(next, side, layer.integer->out_features(), codes);
  for_each_panel(items_ * source.windows(), layer.panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   const TimedLayer timed = time(layer);
                   Panels& panels = Panels::of_this_thread();
                   source.gather(panels.input, row, rows);
                   deliver(layer, next, row, panels.input, codes);
                 });
  quantize_if_dynamic(next, codes);
}

/// The lines [line, line + lines) of a map that two lines each of a convolution's output are pooled
/// into. They stand in the thread's room until the next call.
FloatMap ResNetPass::convolve_lines(const IntegerConvolution& layer, const CodeMap& source,
                                    std::int64_t line, std::int64_t lines, Panels& panels) const {
  const std::int64_t side = layer.window.count(source.shape().width);
  const std::int64_t channels = layer.integer->out_features();
  const std::int64_t rows = 2 * lines * side;
  const FloatMap out = {panels.rows.at_least(rows * channels), side, channels, channels};
  const TimedLayer timed = time(layer);
  for (std::int64_t done = 0; done < rows;) {
    const std::int64_t count = std::min(layer.panel_rows(), rows - done);
    source.gather(panels.input, 2 * line * side + done, count);
    layer.integer->run(panels.input, {.out = out.at(done), .stride = channels, .relu = true});
    done += count;
  }
  return out;
}

void ResNetPass::run(const float* pixels, std::int64_t items, float* out) {
  const IntegerBottleneck& last = layers_.blocks.back();
  const std::int64_t channels = last.shape.out_channels();
  run_phases(layers_.phases.size(), pixels, items, {out, last.out_side(), channels, channels});
}

void ResNetPass::run_pooled(const float* pixels, std::int64_t items, float* out) {
  run(pixels, items, pool_->cells(items));
  pool_->run(items, out);
}

/// The first `count` phases. The last of them takes items as soon as those before have as many as
/// go through it together, so that what they leave is still in a cache.
void ResNetPass::run_phases(std::size_t count, const float* pixels, std::int64_t items,
                            const FloatMap& out) {
  const ResNetPhase& phase = layers_.phases[count - 1];
  const IntegerBottleneck& first = layers_.blocks[phase.first];
  const std::int64_t pixel_values = kImageChannels * layers_.resolution * layers_.resolution;
  for (std::int64_t item = 0; item < items; item += phase.items) {
    const std::int64_t some = std::min(phase.items, items - item);
    const float* source = pixels + item * pixel_values;
    FloatMap result = out;
    result.values = out.at(item * out.positions());
    if (count == 1) {
      run_blocks(phase, run_stem(source, some), some, result);
      continue;
    }
    const FloatMap map = phase_rooms_[count - 2].map(some, first.side, first.shape.in_channels);
    run_phases(count - 1, source, some, map);
    run_blocks(phase, map, some, result);
  }
}

/// What the first block is given; it lives as long as nothing else is run.
FloatMap ResNetPass::run_stem(const float* pixels, std::int64_t items) {
  items_ = items;
  const auto& [first, second, third] = layers_.stem;
  codes_.resize(items, {layers_.resolution, layers_.resolution, kImageChannels}, first.window);
  quantize_pixels(pixels, first.rule(), codes_);
  convolve_into(first, codes_, second, next_codes_);
  convolve_into(second, next_codes_, third, codes_);
  const std::int64_t side = first.window.count(layers_.resolution);
  const FloatMap map = map_room_.map(items, side / 2, third.integer->out_features());
  for_each_panel(items * map.side, 1, [&](std::int64_t line, std::int64_t lines) {
    const FloatMap whole = convolve_lines(third, codes_, line, lines, Panels::of_this_thread());
    for (std::int64_t i = 0; i < lines * map.side; ++i) {
      average(whole, i, map.at(line * map.side + i));
    }
  });
  return map;
}

void ResNetPass::run_blocks(const ResNetPhase& phase, const FloatMap& map, std::int64_t items,
                            const FloatMap& out) {
  items_ = items;
  std::size_t last_change = phase.first;
  for (std::size_t i = phase.first; i < phase.last; ++i) {
    if (layers_.blocks[i].downsample) last_change = i;
  }
  first_convolution(layers_.blocks[phase.first], map);
  FloatMap residual = map;
  for (std::size_t i = phase.first; i < phase.last; ++i) {
    const IntegerBottleneck& block = layers_.blocks[i];
    FloatMap result = residual;
    if (block.downsample) {
      result = out;
      if (i != last_change) {
        std::swap(map_room_, next_room_);
        result = map_room_.map(items, block.out_side(), block.shape.out_channels());
      }
    }
    run_block(block, i + 1 < phase.last ? &layers_.blocks[i + 1] : nullptr, residual, result);
    residual = result;
  }
}

/// The first convolution of the first block; the others' go with the block before.
void ResNetPass::first_convolution(const IntegerBottleneck& block, const FloatMap& map) {
  const IntegerConvolution& layer = block.conv1;
  prepare(block.conv2, block.side, block.shape.channels, codes_);
  for_each_panel(items_ * map.positions(), layer.panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   const TimedLayer timed = time(layer);
                   InputPanel& input = Panels::of_this_thread().input;
                   input.resize(rows, map.channels);
                   for (std::int64_t i = 0; i < rows; ++i) {
                     input.quantize(i, map.at(row + i), layer.rule());
                   }
                   deliver(layer, block.conv2, row, input, codes_);
                 });
  quantize_if_dynamic(block.conv2, codes_);
}

/// Puts the residual where the last convolution's output is added to it.
void ResNetPass::residual_panel(const IntegerBottleneck& block, const FloatMap& map,
                                const FloatMap& out, std::int64_t row, Panels& panels) const {
  const IntegerConvolution& layer = *block.downsample;
  const TimedLayer timed = time(layer);
  const std::int64_t rows = panels.hidden.rows();
  panels.input.resize(rows, map.channels);
  float* means = panels.row.at_least(map.channels);
  for (std::int64_t i = 0; i < rows; ++i) {
    if (block.shape.halves) average(map, row + i, means);
    panels.input.quantize(i, block.shape.halves ? means : map.at(row + i), layer.rule());
  }
  layer.integer->run(panels.input, {.out = out.at(row), .stride = out.stride});
}

/// What the last convolution is given.
void ResNetPass::hidden_panel(const IntegerBottleneck& block, std::int64_t row, std::int64_t rows,
                              Panels& panels) const {
  const std::int64_t channels = block.shape.channels;
  const CodeRule& rule = block.conv3.rule();
  if (block.shape.halves) {
    const std::int64_t side = block.out_side();
    const FloatMap whole = convolve_lines(block.conv2, codes_, row / side, rows / side, panels);
    panels.hidden.resize(rows, channels);
    float* means = panels.row.at_least(channels);
    for (std::int64_t i = 0; i < rows; ++i) {
      average(whole, i, means);
      panels.hidden.quantize(i, means, rule);
    }
    return;
  }
  const TimedLayer timed = time(block.conv2);
  codes_.gather(panels.input, row, rows);
  panels.hidden.resize(rows, channels);
  if (!rule.per_row) {
    std::uint8_t* codes = panels.hidden.receive(rule, panels.input.scales());
    block.conv2.integer->run(
        panels.input,
        {.relu = true, .codes = codes, .codes_stride = panels.hidden.stride(), .rule = &rule});
    return;
  }
  float* values = panels.rows.at_least(rows * channels);
  block.conv2.integer->run(panels.input, {.out = values, .stride = channels, .relu = true});
  for (std::int64_t i = 0; i < rows; ++i) panels.hidden.quantize(i, values + i * channels, rule);
}

/// The last convolution, added to the residual, and the first one of the next block.
void ResNetPass::last_panel(const IntegerBottleneck& block, const IntegerBottleneck* next,
                            const FloatMap& out, std::int64_t row, Panels& panels) const {
  const TimedLayer timed = time(block.conv3);
  LinearOutput output = {.out = out.at(row), .stride = out.stride, .add = true, .relu = true};
  if (next == nullptr) return block.conv3.integer->run(panels.hidden, output);
  const CodeRule& rule = next->conv1.rule();
  const std::int64_t rows = panels.hidden.rows();
  panels.input.resize(rows, out.channels);
  if (!rule.per_row) {
    output.codes = panels.input.receive(rule, panels.hidden.scales());
    output.codes_stride = panels.input.stride();
    output.rule = &rule;
  }
  block.conv3.integer->run(panels.hidden, output);
  if (!rule.per_row) return;
  for (std::int64_t i = 0; i < rows; ++i) panels.input.quantize(i, out.at(row + i), rule);
}

void ResNetPass::run_block(const IntegerBottleneck& block, const IntegerBottleneck* next,
                           const FloatMap& map, const FloatMap& out) {
  if (next != nullptr) prepare(next->conv2, next->side, next->shape.channels, next_codes_);
  // Where maps are pooled, panels are of whole lines.
  const std::int64_t unit = block.shape.halves ? out.side : 1;
  const std::int64_t most = block.shape.halves ? std::max<std::int64_t>(1, kPooledRows / out.side)
                                               : block.conv2.panel_rows();
  for_each_panel(items_ * out.positions() / unit, most,
                 [&](std::int64_t first, std::int64_t count) {
                   const std::int64_t row = first * unit;
                   const std::int64_t rows = count * unit;
                   Panels& panels = Panels::of_this_thread();
                   hidden_panel(block, row, rows, panels);
                   if (block.downsample) residual_panel(block, map, out, row, panels);
                   last_panel(block, next, out, row, panels);
                   if (next == nullptr) return;
                   const TimedLayer timed = time(next->conv1);
                   deliver(next->conv1, next->conv2, row, panels.input, next_codes_);
                 });
  if (next == nullptr) return;
  quantize_if_dynamic(next->conv2, next_codes_);
  std::swap(codes_, next_codes_);
}

}  // namespace clipq
