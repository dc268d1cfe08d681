#include "clipq/onnx/to_onnx.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <array>
#include <limits>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/attention_pooled_vit.h"
#include "clipq/model/resnet_tower.h"
#include "clipq/model/transformer_text_tower.h"
#include "clipq/model/vit_tower.h"
#include "clipq/quant/simulated_layers.h"
#include "layer_forms.h"
#include "resnet_forms.h"
#include "weight_forms.h"

namespace clipq {
namespace {

using Scope = GraphBuilder::Scope;

constexpr std::array kTargets = {OnnxTarget::kAny, OnnxTarget::kOnnxRuntime, OnnxTarget::kTensorRt};

/// As normalize_rows().
constexpr double kLeastLength = 1e-12;

std::string normalized(GraphBuilder& graph, const std::string& x) {
  const std::string length =
      graph.add("Max", {graph.reduce("ReduceL2", x), graph.scalar(kLeastLength)});
  return graph.add("Div", {x, length});
}

/// Writes the graph of each tower that it visits.
class TowerWriter final : public TowerVisitor {
 public:
  explicit TowerWriter(GraphBuilder& graph) : graph_(graph), options_(graph.options()) {}

  void visit(const VitTower& tower) override {
    const ImageTowerConfig& config = tower.config();
    const std::string patches = embed_patches(config, *tower.patches);
    const Scope scope(graph_, "visual");
    const std::string items =
        graph_.reshape(patches, graph_.ints({-1, config.patches(), config.width}));
    // The class token's place is left empty, and comes with its position.
    const std::string padded =
        graph_.add("Pad", {items, graph_.ints({0, 1, 0, 0, 0, 0}), graph_.scalar(0.0)});
    at::Tensor positions = tower.positions.clone();
    positions[0].add_(tower.class_token);
    std::string x = graph_.add("Add", {padded, graph_.constant("positional_embedding", positions)});
    x = graph_.reshape(x, graph_.ints({-1, config.width}));
    x = write_layer_norm(graph_, "visual.ln_pre", x, tower.first_norm);
    x = write_transformer(graph_, "visual.transformer", x, tower.transformer, layout_of(config),
                          {});
    x = write_layer_norm(graph_, "visual.ln_post", x, tower.last_norm);
    add_image(write("visual.proj", x, *tower.projection), config);
  }

  void visit(const AttentionPooledVit& tower) override {
    const ImageTowerConfig& config = tower.config();
    const std::string patches = embed_patches(config, *tower.patches);
    const Scope scope(graph_, "visual");
    const RowLayout layout = layout_of(config);
    std::string x = graph_.add("Add", {graph_.reshape(patches, layout.items),
                                       graph_.constant("positional_embedding", tower.positions)});
    x = graph_.reshape(x, graph_.ints({-1, config.width}));
    x = write_transformer(graph_, "visual.transformer", x, tower.transformer, layout);
    x = write_layer_norm(graph_, "visual.ln_post", x, tower.last_norm);
    add_image(
        write_attention_pool(graph_, "visual.attn_pool", x, tower.attention_pool, config.tokens()),
        config);
  }

  void visit(const ResNetTower& tower) override {
    const ImageTowerConfig& config = tower.config();
    add_pixels(config);
    const OnnxMap pixels = {options_.names.pixels, kImageChannels, config.resolution};
    const OnnxMap map = write_resnet(graph_, "visual", pixels, tower.resnet);
    add_image(write_attention_pool(graph_, "visual.attnpool", map, tower.attention_pool), config);
  }

  void visit(const TransformerTextTower& tower) override {
    const TextTowerConfig& config = tower.config();
    const OnnxNames& names = options_.names;
    graph_.model().inputs.push_back(
        {names.tokens, names.token_type, {std::string("batch"), text_length(config)}});
    const Scope scope(graph_, "text");
    const RowLayout layout = layout_of(config);
    std::string x = embed(tower, layout);
    x = write_transformer(graph_, "transformer", x, tower.transformer, layout,
                          pooled_token(config));
    x = write_layer_norm(graph_, "ln_final", x, tower.last_norm);
    add_output(names.text, write("text_projection", x, *tower.projection), config);
    text_ = graph_.model().outputs.back().name;
  }

  /// The names of the outputs; empty: the tower wasn't visited.
  const std::string& image() const { return image_; }
  const std::string& text() const { return text_; }

 private:
  std::string write(const std::string& name, const std::string& x, const Linear& layer) {
    const Scope scope(graph_, name);
    return write_linear(graph_, x, layer);
  }

  void add_pixels(const ImageTowerConfig& config) {
    graph_.model().inputs.push_back(
        {options_.names.pixels,
         OnnxType::kFloat32,
         {std::string("batch"), std::int64_t{3}, config.resolution, config.resolution}});
  }

  /// Pixels as rows of patches [batch * patches, 3 * patch * patch], and those through the patch
  /// convolution.
  std::string embed_patches(const ImageTowerConfig& config, const Linear& layer) {
    add_pixels(config);
    const Scope scope(graph_, "visual.conv1");
    const std::int64_t patch = config.patch_size;
    const std::int64_t grid = config.patches_per_side();
    std::string x = options_.names.pixels;
    if (const std::int64_t covered = grid * patch; covered < config.resolution) {
      x = graph_.add(
          "Slice", {x, graph_.ints({0, 0}), graph_.ints({covered, covered}), graph_.ints({2, 3})});
    }
    x = graph_.reshape(x, graph_.ints({-1, 3, grid, patch, grid, patch}));
    x = graph_.transpose(x, {0, 2, 4, 1, 3, 5});
    x = graph_.reshape(x, graph_.ints({-1, kImageChannels * patch * patch}));
    return write_linear(graph_, x, layer);
  }

  RowLayout layout_of(const ImageTowerConfig& config) {
    const std::int64_t heads = config.settings.heads;
    RowLayout layout;
    layout.items = graph_.ints({-1, config.tokens(), config.width});
    layout.heads = graph_.ints({-1, config.tokens(), heads, config.width / heads});
    return layout;
  }

  RowLayout layout_of(const TextTowerConfig& config) {
    const std::int64_t heads = config.settings.heads;
    const std::string shape = graph_.add("Shape", {options_.names.tokens});
    const std::string length =
        graph_.add("Gather", {shape, graph_.ints({1})}, {{"axis", std::int64_t{0}}});
    const auto with_length = [&](const std::vector<std::int64_t>& behind) {
      return graph_.add("Concat", {graph_.ints({-1}), length, graph_.ints(behind)},
                        {{"axis", std::int64_t{0}}});
    };
    RowLayout layout;
    layout.tokens = length;
    layout.items = with_length({config.width});
    layout.heads = with_length({heads, config.width / heads});
    if (config.causal) {
      const at::Tensor hidden = at::full({config.context_length, config.context_length},
                                         std::numeric_limits<float>::lowest(), at::kFloat)
                                    .triu(1);
      const std::string ends = graph_.add("Concat", {length, length}, {{"axis", std::int64_t{0}}});
      layout.mask = graph_.add("Slice", {graph_.constant("causal_mask", hidden),
                                         graph_.ints({0, 0}), ends, graph_.ints({0, 1})});
    }
    return layout;
  }

  /// Tokens as rows [batch * length, width], with their positions.
  std::string embed(const TransformerTextTower& tower, const RowLayout& layout) {
    std::string x;
    {
      const Scope scope(graph_, "token_embedding");
      x = write_embedding(graph_, options_.names.tokens, *tower.token_table);
    }
    const std::string table = graph_.constant("positional_embedding", tower.positions);
    const std::string positions =
        graph_.add("Slice", {table, graph_.ints({0}), layout.tokens, graph_.ints({0})});
    x = graph_.add("Add", {x, positions});
    return graph_.reshape(x, graph_.ints({-1, tower.config().width}));
  }

  /// Found by ArgMax over int32, which old runtimes have.
  PooledToken pooled_token(const TextTowerConfig& config) {
    const OnnxNames& names = options_.names;
    const auto first_largest = [this](const std::string& x) {
      return graph_.add("ArgMax", {graph_.cast(x, OnnxType::kInt32)},
                        {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}});
    };
    switch (config.pooling) {
      case TextPooling::kLargestId:
        return {first_largest(names.tokens)};
      case TextPooling::kFirstEnd: {
        const at::ScalarType type = names.token_type == OnnxType::kInt64 ? at::kLong : at::kInt;
        return {
            first_largest(graph_.add("Equal", {names.tokens, graph_.scalar(config.end_id, type)}))};
      }
      case TextPooling::kLast: {
        const std::string last =
            graph_.add("Sub", {graph_.add("Shape", {names.tokens}), graph_.ints({1})});
        const std::string at =
            graph_.add("Gather", {last, graph_.ints({1})}, {{"axis", std::int64_t{0}}});
        const std::string batch =
            graph_.add("Gather", {graph_.add("Shape", {names.tokens}), graph_.ints({0})},
                       {{"axis", std::int64_t{0}}});
        return {graph_.add("Expand", {at, batch})};
      }
    }
    throw InternalError("a text pooling without a form in ONNX");
  }

  /// A tower that isn't causal, or pools the last token, knows texts at full context only.
  static OnnxDimension text_length(const TextTowerConfig& config) {
    if (config.causal && config.pooling != TextPooling::kLast) return std::string("length");
    return config.context_length;
  }

  void add_image(const std::string& embeddings, const ImageTowerConfig& config) {
    add_output(options_.names.image, embeddings, config);
    image_ = graph_.model().outputs.back().name;
  }

  void add_output(const std::string& name, std::string embeddings, const TowerConfig& config) {
    const Scope scope(graph_, name);
    if (options_.normalize || config.settings.normalized) {
      embeddings = normalized(graph_, embeddings);
    }
    OnnxModel& model = graph_.model();
    model.nodes.push_back({"Identity", "", name, {embeddings}, {name}, {}});
    model.outputs.push_back({name, OnnxType::kFloat32, {std::string("batch"), config.embed_dim}});
  }

  GraphBuilder& graph_;
  const OnnxOptions& options_;
  std::string image_;
  std::string text_;
};

/// The lowest opset that has all of the towers.
int opset_of(ClipModel model, const std::vector<Tower>& towers) {
  const auto is_written = [&towers](const PartPlace& part) {
    return std::find(towers.begin(), towers.end(), part.tower) != towers.end();
  };
  int opset = 17;
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    const auto contents = (*part.layer)->contents();
    if (contents && is_written(part)) opset = std::max(opset, opset_of(*contents));
  }
  for (const EmbeddingPart& part : parts.embeddings) {
    const auto contents = (*part.layer)->contents();
    if (contents && contents->quantized != nullptr && is_written(part)) {
      opset = std::max(opset, opset_of(contents->quantized->spec));
    }
  }
  for (const AttentionPart& part : parts.attentions) {
    const AttentionQuantizers* quantizers = (*part.layer)->quantizers();
    if (quantizers == nullptr || !is_written(part)) continue;
    for (const auto& each :
         {quantizers->q, quantizers->k, quantizers->softmax, quantizers->v, quantizers->output}) {
      if (each && format_info(each->spec().format).is_float) opset = std::max(opset, 19);
    }
  }
  return opset;
}

/// With rows of length 1: exp(logit_scale) * images * texts^T.
void add_logits(GraphBuilder& graph, const ClipModel& model, const TowerWriter& towers) {
  const Scope scope(graph, "logits");
  const std::string scaled = graph.add(
      "Mul", {normalized(graph, towers.image()), graph.constant("scale", model.logit_scale.exp())});
  const std::string texts = graph.transpose(normalized(graph, towers.text()), {1, 0});
  OnnxModel& out = graph.model();
  const auto output = [&out](const char* name, const std::string& operation,
                             std::vector<std::string> inputs, const char* rows,
                             const char* columns) {
    out.nodes.push_back({operation, "", name, std::move(inputs), {name}, {}});
    out.outputs.push_back({name, OnnxType::kFloat32, {std::string(rows), std::string(columns)}});
  };
  output("logits_per_image", "MatMul", {scaled, texts}, "image_batch", "text_batch");
  output("logits_per_text", "Transpose", {"logits_per_image"}, "text_batch", "image_batch");
}

/// Images and texts of one graph needn't be as many.
void name_batches(OnnxModel& model, const OnnxNames& names) {
  const auto rename = [](OnnxValue& value, const char* batch) {
    value.shape.front() = std::string(batch);
  };
  for (auto* values : {&model.inputs, &model.outputs}) {
    for (OnnxValue& value : *values) {
      if (value.name == names.pixels || value.name == names.image) rename(value, "image_batch");
      if (value.name == names.tokens || value.name == names.text) rename(value, "text_batch");
    }
  }
}

}  // namespace

bool has_logits(const ClipConfig& config) {
  return config.image && config.text && config.image->pooling != ImagePooling::kAttention;
}

const char* name_of(OnnxTarget target) {
  switch (target) {
    case OnnxTarget::kAny:
      return "any";
    case OnnxTarget::kOnnxRuntime:
      return "onnxruntime";
    case OnnxTarget::kTensorRt:
      return "tensorrt";
  }
  throw InternalError("a target without a name");
}

OnnxTarget parse_onnx_target(const std::string& name) {
  std::vector<std::string> names;
  for (const OnnxTarget target : kTargets) {
    if (name == name_of(target)) return target;
    names.emplace_back(name_of(target));
  }
  throw UsageError(cat("unknown target \"", name, "\"; expected ", join(names, ", ")));
}

OnnxModel to_onnx(const ClipModel& model, const std::vector<Tower>& towers,
                  const OnnxOptions& options) {
  GraphBuilder graph(opset_of(model, towers), options);
  TowerWriter writer(graph);
  for (const Tower tower : towers) model.tower(tower).accept(writer);
  if (towers.size() == 1) {
    graph.model().name = cat("clip_", name_of(towers.front()));
  } else {
    graph.model().name = "clip";
    name_batches(graph.model(), options.names);
    if (has_logits(model.config())) add_logits(graph, model, writer);
  }
  return graph.take();
}

}  // namespace clipq
