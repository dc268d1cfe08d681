#include "convolution_form.h"

#include <vector>

#include "clipq/numerics/activation_quantizer.h"
#include "quantizer_forms.h"
#include "weight_forms.h"
#include "write_linear.h"

namespace clipq {
namespace {

using Sizes = std::vector<std::int64_t>;

/// Whether the input's range is taken from each position by itself, at run time.
bool has_row_ranges(const LinearContents& contents) {
  if (contents.input == nullptr) return false;
  const QuantizerSpec& spec = contents.input->spec();
  return spec.range == RangeKind::kDynamic && spec.granularity == Granularity::kToken;
}

/// A convolution of 1 x 1 as a linear layer of the positions.
std::string write_rows(GraphBuilder& graph, const OnnxMap& x, const Linear& layer) {
  std::string rows = graph.transpose(x.value, {0, 2, 3, 1});
  rows = graph.reshape(rows, graph.ints({-1, x.channels}));
  rows = write_linear(graph, rows, layer);
  rows = graph.reshape(rows, graph.ints({-1, x.side, x.side, layer.out_features()}));
  return graph.transpose(rows, {0, 3, 1, 2});
}

/// x after the input's quantizer; a range of a row is here one of an item.
std::string write_input(GraphBuilder& graph, const OnnxMap& x, const LinearContents& contents) {
  if (contents.input == nullptr) return x.value;
  if (!has_row_ranges(contents)) return simulate(graph, x.value, *contents.input);
  const std::string items = graph.reshape(x.value, graph.ints({-1, x.channels * x.side * x.side}));
  return graph.reshape(simulate(graph, items, *contents.input),
                       graph.ints({-1, x.channels, x.side, x.side}));
}

}  // namespace

OnnxMap write_convolution(GraphBuilder& graph, const OnnxMap& x, const Linear& layer,
                          const ConvolutionWindow& window) {
  const LinearContents contents = contents_of(layer);
  require_fit(graph, contents);
  OnnxMap out = {"", layer.out_features(), window.count(x.side)};
  if (window == ConvolutionWindow() && has_row_ranges(contents)) {
    out.value = write_rows(graph, x, layer);
    return out;
  }
  const Sizes shape = {out.channels, x.channels, window.side, window.side};
  std::vector<std::string> inputs = {write_input(graph, x, contents)};
  inputs.push_back(contents.quantized == nullptr
                       ? graph.constant("weight", contents.weight.view(shape))
                       : kernel_values(graph, *contents.quantized, shape));
  // ONNX Runtime would round a convolution's own bias to a multiple of the products' scale.
  const bool takes_bias = contents.bias.defined() && contents.input == nullptr;
  if (takes_bias) inputs.push_back(graph.constant("bias", contents.bias));
  const std::int64_t padding = window.padding();
  out.value = graph.add("Conv", std::move(inputs),
                        {{"kernel_shape", Sizes{window.side, window.side}},
                         {"strides", Sizes{window.stride, window.stride}},
                         {"pads", Sizes{padding, padding, padding, padding}}});
  if (!takes_bias && contents.bias.defined()) {
    const at::Tensor bias = contents.bias.view({1, out.channels, 1, 1});
    out.value = graph.add("Add", {out.value, graph.constant("bias", bias)});
  }
  return out;
}

OnnxMap write_average_pool(GraphBuilder& graph, const OnnxMap& x) {
  return {graph.add("AveragePool", {x.value},
                    {{"kernel_shape", Sizes{2, 2}}, {"strides", Sizes{2, 2}}}),
          x.channels, x.side / 2};
}

OnnxMap write_relu(GraphBuilder& graph, const OnnxMap& x) {
  return {graph.add("Relu", {x.value}), x.channels, x.side};
}

}  // namespace clipq
