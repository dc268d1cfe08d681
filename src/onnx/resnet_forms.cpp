#include "resnet_forms.h"

#include "clipq/core/strings.h"
#include "layer_forms.h"

namespace clipq {
namespace {

using Scope = GraphBuilder::Scope;

OnnxMap write_layer(GraphBuilder& graph, const std::string& name, const OnnxMap& x,
                    const Linear& layer, const ConvolutionWindow& window = {}) {
  const Scope scope(graph, name);
  return write_convolution(graph, x, layer, window);
}

OnnxMap write_bottleneck(GraphBuilder& graph, const std::string& name, const OnnxMap& x,
                         const Bottleneck& block) {
  const auto part = [&name](const char* layer) { return cat(name, ".", layer); };
  const auto pooled = [&](const OnnxMap& map) {
    return block.shape.halves ? write_average_pool(graph, map) : map;
  };
  const Scope scope(graph, name);
  OnnxMap y = write_relu(graph, write_layer(graph, part("conv1"), x, *block.conv1));
  y = write_relu(graph, write_layer(graph, part("conv2"), y, *block.conv2, Bottleneck::kWindow));
  y = write_layer(graph, part("conv3"), pooled(y), *block.conv3);
  const OnnxMap residual =
      block.downsample ? write_layer(graph, part("downsample.0"), pooled(x), *block.downsample) : x;
  y.value = graph.add("Add", {y.value, residual.value});
  return write_relu(graph, y);
}

}  // namespace

OnnxMap write_resnet(GraphBuilder& graph, const std::string& tower, const OnnxMap& pixels,
                     const ResNet& resnet) {
  const Scope scope(graph, tower);
  OnnxMap x = pixels;
  for (std::size_t i = 0; i < resnet.stem.size(); ++i) {
    const std::string name = cat(tower, ".conv", i + 1);
    x = write_relu(graph, write_layer(graph, name, x, *resnet.stem[i], stem_window(i)));
  }
  x = write_average_pool(graph, x);
  for (std::size_t i = 0; i < resnet.blocks.size(); ++i) {
    x = write_bottleneck(graph, cat(tower, ".", resnet.name_of(i)), x, resnet.blocks[i]);
  }
  return x;
}

std::string write_attention_pool(GraphBuilder& graph, const std::string& name, const OnnxMap& map,
                                 const AttentionPool2d& pool) {
  const std::int64_t positions = map.side * map.side;
  const Scope scope(graph, name);
  const std::string cells = graph.reshape(map.value, graph.ints({-1, pool.width, positions}));
  const std::string tokens =
      graph.add("Concat", {graph.reduce("ReduceMean", cells), cells}, {{"axis", std::int64_t{2}}});
  std::string x = graph.add("Add", {graph.transpose(tokens, {0, 2, 1}),
                                    graph.constant("positional_embedding", pool.positions)});
  x = graph.reshape(x, graph.ints({-1, pool.width}));
  const std::int64_t heads = pool.attention->heads();
  RowLayout layout;
  layout.items = graph.ints({-1, positions + 1, pool.width});
  layout.heads = graph.ints({-1, positions + 1, heads, pool.width / heads});
  const AttentionLayers layers = {name + ".in_proj", *pool.qkv,    name,      *pool.attention,
                                  name + ".c_proj",  *pool.output, pool.width};
  return write_attention(graph, x, layers, layout, PooledToken());
}

}  // namespace clipq
