#include "resnet_pass.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipq/native/row_panels.h"
#include "quantize_map.h"

namespace clipq {
namespace {

constexpr std::int64_t kChannels = 3;

/// The mean of the square of 2 x 2 positions that becomes `position` of a map half as long.
void average(const FloatMap& map, std::int64_t position, float* out) {
  const std::int64_t half = map.side / 2;
  const std::int64_t item = position / (half * half);
  const std::int64_t y = position % (half * half) / half;
  const std::int64_t x = position % half;
  const float* above = map.at(item * map.positions() + 2 * y * map.side + 2 * x);
  const float* below = above + map.side * map.channels;
  for (std::int64_t c = 0; c < map.channels; ++c) {
    out[c] = (((above[c] + above[c + map.channels]) + below[c]) + below[c + map.channels]) / 4;
  }
}

}  // namespace

void FloatMap::resize(std::int64_t items, std::int64_t new_side, std::int64_t new_channels) {
  side = new_side;
  channels = new_channels;
  const auto needed = static_cast<std::size_t>(items * positions() * channels);
  if (values.size() < needed) values.resize(needed);
}

/// What a thread works on.
struct ResNetPass::Panels {
  InputPanel input;   ///< of the middle convolution, or of another one
  InputPanel hidden;  ///< of the last one
  InputPanel output;  ///< codes on their way into a map
  std::vector<float> row;
  std::vector<float> rows;

  float* row_of(std::int64_t width) {
    row.resize(std::max(row.size(), static_cast<std::size_t>(width)));
    return row.data();
  }
  float* rows_of(std::int64_t count) {
    rows.resize(std::max(rows.size(), static_cast<std::size_t>(count)));
    return rows.data();
  }

  static Panels& of_this_thread() {
    static thread_local Panels panels;
    return panels;
  }
};

ResNetPass::ResNetPass(const ResNetLayers& layers, LayerProfile* profile)
    : layers_(layers), profile_(profile) {}

TimedLayer ResNetPass::time(const IntegerConvolution& layer) const {
  return {profile_, layer.name, threads_};
}

/// Makes room for what `next` is given.
void ResNetPass::prepare(const IntegerConvolution& next, std::int64_t side, std::int64_t channels,
                         CodeMap& codes) {
  codes.resize(items_, {side, side, channels}, next.window);
  const CodeRule& rule = next.rule();
  if (rule.per_row) {
    floats_.resize(items_, side, channels);
    return;
  }
  const RowScale scale = {rule.scale, static_cast<std::int32_t>(rule.zero_point)};
  for (std::int64_t item = 0; item < items_; ++item) codes.set_scale(item, scale);
}

/// From a panel's input through `layer` and ReLU into the map that `next` is given; where items
/// have ranges of their own, into floats first.
void ResNetPass::deliver(const IntegerConvolution& layer, const IntegerConvolution& next,
                         std::int64_t row, Panels& panels, CodeMap& codes) {
  const std::int64_t channels = layer.integer->out_features();
  const std::int64_t rows = panels.input.rows();
  if (next.rule().per_row) {
    layer.integer->run(panels.input,
                       {.out = floats_.at(row), .stride = channels, .relu = true});
    return;
  }
  layer.integer->run_relu(panels.input, next.rule(), panels.output);
  for (std::int64_t i = 0; i < rows; ++i) {
    std::copy_n(panels.output.codes(i), channels, codes.at(row + i));
    if (std::isnan(panels.output.scales()[i].scale)) codes.spoil(row + i);
  }
}

void ResNetPass::quantize_if_dynamic(const IntegerConvolution& next, CodeMap& codes) {
  if (!next.rule().per_row) return;
  quantize_map(floats_.at(0), next.rule(), codes);
}

void ResNetPass::convolve_into(const IntegerConvolution& layer, const CodeMap& source,
                               const IntegerConvolution& next, CodeMap& codes) {
  const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(source.windows())));
  prepare(next, side, layer.integer->out_features(), codes);
  for_each_panel(items_ * source.windows(), layer.panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   const TimedLayer timed = time(layer);
                   Panels& panels = Panels::of_this_thread();
                   source.gather(panels.input, row, rows);
                   deliver(layer, next, row, panels, codes);
                 });
  quantize_if_dynamic(next, codes);
}

void ResNetPass::run_stem(const float* pixels, std::int64_t items) {
  items_ = items;
  threads_ = at::in_parallel_region() ? 1 : at::get_num_threads();
  const auto& [first, second, third] = layers_.stem;
  codes_.resize(items, {layers_.resolution, layers_.resolution, kChannels}, first.window);
  quantize_map(pixels, first.rule(), codes_);
  convolve_into(first, codes_, second, next_codes_);
  convolve_into(second, next_codes_, third, codes_);
  const std::int64_t side = first.window.count(layers_.resolution);
  const std::int64_t channels = third.integer->out_features();
  hidden_.resize(items, side, channels);
  for_each_panel(items * codes_.windows(), third.panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   const TimedLayer timed = time(third);
                   Panels& panels = Panels::of_this_thread();
                   codes_.gather(panels.input, row, rows);
                   third.integer->run(panels.input, {.out = hidden_.at(row),
                                                     .stride = channels,
                                                     .relu = true});
                 });
  map_.resize(items, side / 2, channels);
  at::parallel_for(0, items * map_.positions(), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) average(hidden_, row, map_.at(row));
  });
}

void ResNetPass::start(const float* map, std::int64_t items, const IntegerBottleneck& block) {
  items_ = items;
  threads_ = at::in_parallel_region() ? 1 : at::get_num_threads();
  map_.resize(items, block.side, block.shape.in_channels);
  std::copy_n(map, items * map_.positions() * map_.channels, map_.values.data());
}

void ResNetPass::run_blocks(std::size_t first, std::size_t last) {
  if (first == last) return;
  first_convolution(layers_.blocks[first]);
  for (std::size_t i = first; i < last; ++i) {
    run_block(layers_.blocks[i], i + 1 < last ? &layers_.blocks[i + 1] : nullptr);
  }
}

void ResNetPass::first_convolution(const IntegerBottleneck& block) {
  const IntegerConvolution& layer = block.conv1;
  prepare(block.conv2, block.side, block.shape.channels, codes_);
  for_each_panel(items_ * map_.positions(), layer.panel_rows(),
                 [&](std::int64_t row, std::int64_t rows) {
                   const TimedLayer timed = time(layer);
                   Panels& panels = Panels::of_this_thread();
                   panels.input.resize(rows, map_.channels);
                   for (std::int64_t i = 0; i < rows; ++i) {
                     panels.input.quantize(i, map_.at(row + i), layer.rule());
                   }
                   deliver(layer, block.conv2, row, panels, codes_);
                 });
  quantize_if_dynamic(block.conv2, codes_);
}

/// What the last convolution is given.
void ResNetPass::hidden_panel(const IntegerBottleneck& block, std::int64_t row, std::int64_t rows,
                              Panels& panels) const {
  const std::int64_t channels = block.shape.channels;
  const CodeRule& rule = block.conv3.rule();
  if (block.shape.halves) {
    panels.hidden.resize(rows, channels);
    float* means = panels.row_of(channels);
    for (std::int64_t i = 0; i < rows; ++i) {
      average(hidden_, row + i, means);
      panels.hidden.quantize(i, means, rule);
    }
    return;
  }
  const TimedLayer timed = time(block.conv2);
  codes_.gather(panels.input, row, rows);
  if (!rule.per_row) {
    block.conv2.integer->run_relu(panels.input, rule, panels.hidden);
    return;
  }
  float* values = panels.rows_of(rows * channels);
  block.conv2.integer->run(panels.input, {.out = values, .stride = channels, .relu = true});
  panels.hidden.resize(rows, channels);
  for (std::int64_t i = 0; i < rows; ++i) {
    panels.hidden.quantize(i, values + i * channels, rule);
  }
}

/// Puts the residual where the last convolution's output is added to it.
void ResNetPass::residual_panel(const IntegerBottleneck& block, std::int64_t row,
                                std::int64_t rows, Panels& panels) {
  const IntegerConvolution& layer = *block.downsample;
  const TimedLayer timed = time(layer);
  panels.input.resize(rows, map_.channels);
  float* means = panels.row_of(map_.channels);
  for (std::int64_t i = 0; i < rows; ++i) {
    if (block.shape.halves) average(map_, row + i, means);
    panels.input.quantize(i, block.shape.halves ? means : map_.at(row + i), layer.rule());
  }
  layer.integer->run(panels.input,
                     {.out = next_map_.at(row), .stride = next_map_.channels});
}

void ResNetPass::run_block(const IntegerBottleneck& block, const IntegerBottleneck* next) {
  if (block.shape.halves) {
    const std::int64_t channels = block.shape.channels;
    hidden_.resize(items_, block.side, channels);
    for_each_panel(items_ * codes_.windows(), block.conv2.panel_rows(),
                   [&](std::int64_t row, std::int64_t rows) {
                     const TimedLayer timed = time(block.conv2);
                     Panels& panels = Panels::of_this_thread();
                     codes_.gather(panels.input, row, rows);
                     block.conv2.integer->run(
                         panels.input,
                         {.out = hidden_.at(row), .stride = channels, .relu = true});
                   });
  }
  FloatMap& out = block.downsample ? next_map_ : map_;
  if (block.downsample) {
    next_map_.resize(items_, block.out_side(), block.shape.out_channels());
  }
  if (next != nullptr) {
    prepare(next->conv2, next->side, next->shape.channels, next_codes_);
  }
  for_each_panel(
      items_ * out.positions(), block.conv2.panel_rows(), [&](std::int64_t row, std::int64_t rows) {
        Panels& panels = Panels::of_this_thread();
        if (block.downsample) residual_panel(block, row, rows, panels);
        hidden_panel(block, row, rows, panels);
        {
          const TimedLayer timed = time(block.conv3);
          block.conv3.integer->run(panels.hidden, {.out = out.at(row),
                                                   .stride = out.channels,
                                                   .add = true,
                                                   .relu = true});
        }
        if (next == nullptr) return;
        const TimedLayer timed = time(next->conv1);
        panels.input.resize(rows, out.channels);
        for (std::int64_t i = 0; i < rows; ++i) {
          panels.input.quantize(i, out.at(row + i), next->conv1.rule());
        }
        deliver(next->conv1, next->conv2, row, panels, next_codes_);
      });
  if (block.downsample) std::swap(map_, next_map_);
  if (next == nullptr) return;
  quantize_if_dynamic(next->conv2, next_codes_);
  std::swap(codes_, next_codes_);
}

}  // namespace clipq
