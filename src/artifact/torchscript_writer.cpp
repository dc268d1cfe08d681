#include "torchscript_writer.h"

#include <ATen/core/jit_type.h>

#include <cmath>
#include <iomanip>
#include <sstream>
#include <utility>

#include "clipq/core/assets.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/attention_pooled_vit.h"
#include "clipq/model/resnet_tower.h"
#include "clipq/model/transformer_text_tower.h"
#include "clipq/model/vit_tower.h"
#include "clipq/quant/simulated_layers.h"

namespace clipq {
namespace {

using torch::jit::Module;
using Substitutions = std::vector<std::pair<std::string, std::string>>;

/// The TorchScript source of that name with each {key} replaced.
std::string source(const std::string& name, const Substitutions& substitutions = {}) {
  std::string text(asset(cat("torchscript/", name, ".py")));
  for (const auto& [key, value] : substitutions) {
    const std::string token = cat("{", key, "}");
    for (std::size_t at = text.find(token); at != std::string::npos;
         at = text.find(token, at + value.size())) {
      text.replace(at, token.size(), value);
    }
  }
  return text;
}

/// The number such that reading it gives the same bits.
std::string number_text(double value) {
  std::ostringstream out;
  out << std::setprecision(17) << value;
  return out.str();
}

std::string dtype_code(at::ScalarType dtype) { return cat(static_cast<int>(dtype)); }

void register_scales(Module& module, const std::string& prefix, const QuantizerSpec& spec,
                     const Scales& scales) {
  module.register_buffer(prefix + "scale", scales.scale.to(spec.scale_storage()));
  if (scales.zero_point.defined()) {
    module.register_buffer(prefix + "zero_point", scales.zero_point.to(at::kByte));
  }
  if (scales.negative_scale.defined()) {
    module.register_buffer(prefix + "negative_scale",
                           scales.negative_scale.to(spec.scale_storage()));
  }
}

const char* group_suffix(const QuantizerSpec& spec) {
  return spec.granularity == Granularity::kGroup ? "_group" : "";
}

/// Defines the method values(), which turns a stored weight into float32.
void define_values(Module& module, const QuantizedTensor& weight) {
  const QuantizerSpec& spec = weight.spec;
  const bool affine = spec.is_affine();
  const bool packed = format_info(spec.format).codes_per_byte == 2;
  const Substitutions substitutions = {{"columns", cat(weight.columns)},
                                       {"offset", cat(affine ? 0 : kInt4Offset)},
                                       {"group_size", cat(spec.group_size)}};
  module.define(source(packed ? "codes_int4" : "codes", substitutions));
  module.define(source(cat("per_column", group_suffix(spec)), substitutions));
  module.define(source(affine ? "weight_values_affine" : "weight_values", substitutions));
}

/// Registers a weight's codes and scales, and defines how values are made of them.
void register_weight(Module& module, const QuantizedTensor& weight) {
  module.register_buffer("weight", weight.codes);
  register_scales(module, "weight_", weight.spec, weight.scales);
  define_values(module, weight);
}

Module make_quantizer(const ActivationQuantizer& quantizer) {
  const QuantizerSpec& spec = quantizer.spec();
  const bool dynamic = spec.range == RangeKind::kDynamic;
  const char* over = "";
  if (spec.granularity == Granularity::kToken) over = ", [-1], True";
  if (spec.granularity == Granularity::kGroup) over = ", [-1]";
  const Substitutions substitutions = {{"max_code", fixed(spec.max_code(), 1)},
                                       {"code_dtype", dtype_code(spec.code_dtype())},
                                       {"group_size", cat(spec.group_size)},
                                       {"over", over}};
  Module module("Quantizer");
  if (!dynamic) register_scales(module, "", spec, quantizer.scales());
  const bool affine = spec.is_affine();
  const bool twin = spec.scheme == Scheme::kTwin;
  const bool is_float = format_info(spec.format).is_float;
  for (const std::string& name :
       {cat("as_scale_", name_of(spec.scale_dtype)), cat("in_groups", group_suffix(spec)),
        cat("per_column", group_suffix(spec)),
        cat(affine ? "affine_scales_"
            : twin ? "twin_scales_"
                   : "scale_",
            dynamic ? "dynamic" : "static"),
        cat("simulate_", affine     ? "affine"
                         : twin     ? "twin"
                         : is_float ? "float"
                                    : "int")}) {
    module.define(source(name, substitutions));
  }
  return module;
}

/// Registers the quantizer under its role, if there is one, and returns the expression for `x`
/// after it.
std::string add_quantizer(Module& module, Role role, const ActivationQuantizer* quantizer,
                          const std::string& x) {
  if (quantizer == nullptr) return x;
  module.register_module(name_of(role), make_quantizer(*quantizer));
  return cat("self.", name_of(role), ".forward(", x, ")");
}

std::string add_quantizer(Module& module, Role role,
                          const std::optional<ActivationQuantizer>& quantizer,
                          const std::string& x) {
  return add_quantizer(module, role, quantizer ? &*quantizer : nullptr, x);
}

/// What a layer computes with. Throws InternalError if it can't be written.
template <typename Layer>
auto contents_of(const Layer& layer) {
  const auto contents = layer.contents();
  if (!contents) throw InternalError("a layer that runs natively can't be written");
  return *contents;
}

/// Registers a layer's weight and bias, and returns the expression for the weight's values.
std::string register_linear(Module& module, const LinearContents& contents) {
  const QuantizedTensor* quantized = contents.quantized;
  std::string weight = "self.weight";
  if (quantized != nullptr) {
    register_weight(module, *quantized);
    weight = quantized->spec.is_affine()
                 ? "self.values(self.weight, self.weight_scale, self.weight_zero_point)"
                 : "self.values(self.weight, self.weight_scale)";
  } else {
    module.register_buffer("weight", contents.weight);
  }
  if (contents.bias.defined()) {
    module.register_buffer("bias", contents.bias);
  } else {
    module.register_attribute("bias", c10::OptionalType::ofTensor(), c10::IValue());
  }
  return weight;
}

Module make_linear(const Linear& layer) {
  const LinearContents contents = contents_of(layer);
  Module module("Linear");
  const std::string weight = register_linear(module, contents);
  const std::string input = add_quantizer(module, Role::kInput, contents.input, "x");
  module.define(source("linear", {{"input", input}, {"weight", weight}}));
  return module;
}

/// A ResNet's; of 1 x 1 it is a linear layer of the map's positions.
Module make_convolution(const Linear& layer, const ConvolutionWindow& window) {
  const LinearContents contents = contents_of(layer);
  Module module("Convolution");
  const std::string weight = register_linear(module, contents);
  const std::string items = add_quantizer(module, Role::kInput, contents.input, "x.flatten(1)");
  module.define(source("convolution",
                       {{"input", contents.input == nullptr ? "x" : items + ".reshape(x.size())"},
                        {"weight", weight},
                        {"side", cat(window.side)},
                        {"stride", cat(window.stride)},
                        {"padding", cat(window.padding())}}));
  return module;
}

Module make_embedding(const Embedding& layer) {
  const EmbeddingContents contents = contents_of(layer);
  Module module("Embedding");
  if (contents.quantized == nullptr) {
    module.register_buffer("weight", contents.weight);
    module.define(source("embedding_float"));
    return module;
  }
  const QuantizedTensor& weight = *contents.quantized;
  register_weight(module, weight);
  const auto rows_of = [](const std::string& table) {
    return cat("torch.embedding(self.", table, ", ids)");
  };
  const auto scales_of = [&](const std::string& table) {
    return weight.scales.scale.dim() > 0 ? rows_of(table) : "self." + table;
  };
  std::string stored = cat(rows_of("weight"), ", ", scales_of("weight_scale"));
  if (weight.spec.is_affine()) stored += ", " + scales_of("weight_zero_point");
  module.define(source("embedding_quantized", {{"stored", stored}}));
  return module;
}

Module make_layer_norm(const LayerNorm& norm) {
  Module module("LayerNorm");
  module.register_buffer("weight", norm.weight);
  module.register_buffer("bias", norm.bias);
  module.define(
      source("layer_norm", {{"width", cat(norm.weight.numel())}, {"eps", number_text(norm.eps)}}));
  return module;
}

/// Defines `method`, from tokens through both layers around an attention.
/// @param width of queries, keys or values
void add_attention(Module& module, const Linear& qkv, const Attention& attention,
                   std::int64_t width, const Substitutions& names) {
  const AttentionQuantizers quantizers =
      attention.quantizers() == nullptr ? AttentionQuantizers() : *attention.quantizers();
  module.register_module("in_proj", make_linear(qkv));
  const std::string q = add_quantizer(module, Role::kQBmm, quantizers.q, "q");
  const std::string k = add_quantizer(module, Role::kKBmm, quantizers.k, "k");
  const std::string v = add_quantizer(module, Role::kVBmm, quantizers.v, "v");
  add_quantizer(module, Role::kSoftmax, quantizers.softmax, "probabilities");
  const std::string output =
      add_quantizer(module, Role::kBmm2Output, quantizers.output, "attended");
  const std::int64_t head_width = width / attention.heads();
  module.define(
      source(quantizers.softmax ? "attend_softmax" : "attend",
             {{"causal", attention.causal() ? "True" : "False"},
              {"score_scale", number_text(1 / std::sqrt(static_cast<double>(head_width)))}}));
  Substitutions substitutions = {
      {"heads", cat(attention.heads())}, {"q", q}, {"k", k}, {"v", v}, {"output", output}};
  substitutions.insert(substitutions.end(), names.begin(), names.end());
  module.define(source("attention", substitutions));
}

Module make_attention(const Block& block) {
  Module module("Attention");
  module.register_module("out_proj", make_linear(*block.attention_output));
  add_attention(module, *block.qkv, *block.attention, block.width,
                {{"method", "forward"}, {"queries", "parts[0]"}, {"output_layer", "out_proj"}});
  return module;
}

Module make_attention_pool(const AttentionPool2d& pool) {
  Module module("AttentionPool2d");
  module.register_buffer("positional_embedding", pool.positions);
  module.register_module("c_proj", make_linear(*pool.output));
  add_attention(module, *pool.qkv, *pool.attention, pool.width,
                {{"method", "attention"},
                 {"queries", "parts[0].narrow(2, 0, 1)"},
                 {"output_layer", "c_proj"}});
  module.define(source("attention_pool_2d"));
  return module;
}

Module make_bottleneck(const Bottleneck& block) {
  Module module("Bottleneck");
  module.register_module("conv1", make_linear(*block.conv1));
  module.register_module("conv2", make_convolution(*block.conv2, Bottleneck::kWindow));
  module.register_module("conv3", make_linear(*block.conv3));
  if (block.shape.halves) module.define(source("average_pool"));
  const auto pooled = [&block](const std::string& x) {
    return block.shape.halves ? cat("self.average_pool(", x, ")") : x;
  };
  std::string residual = "x";
  if (block.downsample) {
    Module downsample("Downsample");
    downsample.register_module("0", make_linear(*block.downsample));
    module.register_module("downsample", downsample);
    residual = cat("getattr(self.downsample, \"0\").forward(", pooled("x"), ")");
  }
  module.define(source("bottleneck", {{"hidden", pooled("hidden")}, {"residual", residual}}));
  return module;
}

/// Adds the stages "layer1", … and returns the lines that run their blocks.
std::string add_stages(Module& module, const ResNet& resnet) {
  std::string lines;
  std::vector<Module> stages;
  for (std::size_t i = 0; i < resnet.blocks.size(); ++i) {
    const auto [stage, index] = resnet.place_of(i);
    if (index == 0) stages.emplace_back("Stage");
    stages.back().register_module(cat(index), make_bottleneck(resnet.blocks[i]));
    lines += cat(i == 0 ? "" : "\n", "    x = getattr(self.layer", stage, ", \"", index,
                 "\").forward(x)");
  }
  for (std::size_t i = 0; i < stages.size(); ++i) {
    module.register_module(cat("layer", i + 1), stages[i]);
  }
  return lines;
}

std::string activation_expression(Activation activation) {
  switch (activation) {
    case Activation::kQuickGelu:
      return "x * torch.sigmoid(x * 1.702)";
    case Activation::kGelu:
      return "torch.gelu(x)";
    case Activation::kGeluTanh:
      return "torch.gelu(x, approximate=\"tanh\")";
  }
  throw InternalError("an activation without a TorchScript expression");
}

/// @param layers a Block or an AttentionPool
template <typename Layers>
Module make_mlp(const Layers& layers) {
  Module mlp("Mlp");
  mlp.register_module("c_fc", make_linear(*layers.mlp_hidden));
  mlp.register_module("c_proj", make_linear(*layers.mlp_output));
  mlp.define(source("mlp", {{"activation", activation_expression(layers.activation)}}));
  return mlp;
}

Module make_block(const Block& block) {
  Module module("Block");
  module.register_module("ln_1", make_layer_norm(block.attention_norm));
  module.register_module("attn", make_attention(block));
  module.register_module("ln_2", make_layer_norm(block.mlp_norm));
  module.register_module("mlp", make_mlp(block));
  module.define(source("block"));
  return module;
}

Module make_attention_pool(const AttentionPool& pool) {
  Module module("AttentionPool");
  module.register_buffer("query", pool.query);
  module.register_module("kv", make_linear(*pool.kv));
  module.register_module("out_proj", make_linear(*pool.output));
  module.register_module("ln", make_layer_norm(pool.norm));
  module.register_module("mlp", make_mlp(pool));
  module.define(
      source("attention_pool", {{"heads", cat(pool.attention->heads())},
                                {"head_width", cat(pool.width / pool.attention->heads())}}));
  return module;
}

Module make_transformer(const std::vector<Block>& blocks) {
  Module resblocks("Blocks");
  std::string lines;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    resblocks.register_module(cat(i), make_block(blocks[i]));
    lines += cat(i == 0 ? "" : "\n", "    x = getattr(self.resblocks, \"", i, "\").forward(x)");
  }
  Module module("Transformer");
  module.register_module("resblocks", resblocks);
  module.define(source("transformer", {{"blocks", lines}}));
  return module;
}

/// The expression for a tower's embeddings.
std::string rows_of(const TowerConfig& config, const std::string& expression) {
  return config.settings.normalized ? cat("self.normalized(", expression, ")") : expression;
}

Substitutions patches_of(const ImageTowerConfig& config) {
  return {{"grid", cat(config.patches_per_side())}, {"patch", cat(config.patch_size)}};
}

/// The expression for the output of each text's pooled token.
std::string pooled_text(const TextTowerConfig& config) {
  const auto at = [](const std::string& positions) {
    return cat("x[torch.arange(text.size(0)), ", positions, "]");
  };
  switch (config.pooling) {
    case TextPooling::kLargestId:
      return at("text.argmax(-1)");
    case TextPooling::kFirstEnd:
      return at(cat("text.eq(", config.end_id, ").to(", dtype_code(at::kInt), ").argmax(-1)"));
    case TextPooling::kLast:
      return "x.select(1, -1)";
  }
  throw InternalError("a text pooling without a TorchScript expression");
}

/// Adds to the module of the whole model what belongs to each type of tower.
class TowerWriter final : public TowerVisitor {
 public:
  explicit TowerWriter(Module& clip) : clip_(clip) {}

  void visit(const VitTower& tower) override {
    const ImageTowerConfig& config = tower.config();
    Module module("Visual");
    module.register_module("conv1", make_linear(*tower.patches));
    module.register_buffer("class_embedding", tower.class_token);
    module.register_buffer("positional_embedding", tower.positions);
    module.register_module("ln_pre", make_layer_norm(tower.first_norm));
    module.register_module("transformer", make_transformer(tower.transformer.blocks));
    module.register_module("ln_post", make_layer_norm(tower.last_norm));
    module.register_module("proj", make_linear(*tower.projection));
    module.define(source("patches", patches_of(config)));
    module.define(source("visual", {{"width", cat(config.width)}}));
    add_visual(module, config);
  }

  void visit(const AttentionPooledVit& tower) override {
    const ImageTowerConfig& config = tower.config();
    Module module("Visual");
    module.register_module("conv1", make_linear(*tower.patches));
    module.register_buffer("positional_embedding", tower.positions);
    module.register_module("transformer", make_transformer(tower.transformer.blocks));
    module.register_module("ln_post", make_layer_norm(tower.last_norm));
    module.register_module("attn_pool", make_attention_pool(tower.attention_pool));
    module.define(source("patches", patches_of(config)));
    module.define(source("visual_attention_pooled"));
    add_visual(module, config);
  }

  void visit(const ResNetTower& tower) override {
    Module module("Visual");
    for (std::size_t i = 0; i < tower.resnet.stem.size(); ++i) {
      module.register_module(cat("conv", i + 1),
                             make_convolution(*tower.resnet.stem[i], stem_window(i)));
    }
    const std::string blocks = add_stages(module, tower.resnet);
    module.register_module("attnpool", make_attention_pool(tower.attention_pool));
    module.define(source("average_pool"));
    module.define(source("visual_resnet", {{"blocks", blocks}}));
    add_visual(module, tower.config());
  }

  void visit(const TransformerTextTower& tower) override {
    clip_.register_module("token_embedding", make_embedding(*tower.token_table));
    clip_.register_buffer("positional_embedding", tower.positions);
    clip_.register_module("transformer", make_transformer(tower.transformer.blocks));
    clip_.register_module("ln_final", make_layer_norm(tower.last_norm));
    clip_.register_module("text_projection", make_linear(*tower.projection));
    clip_.define(source("encode_text", {{"pooled", pooled_text(tower.config())},
                                        {"text", rows_of(tower.config(), "text")}}));
  }

 private:
  void add_visual(const Module& module, const ImageTowerConfig& config) {
    clip_.register_module("visual", module);
    clip_.define(source("encode_image", {{"image", rows_of(config, "image")}}));
  }

  Module& clip_;
};

}  // namespace

Module write_torchscript(const ClipModel& model) {
  Module clip("Clip");
  clip.define(source("normalized"));
  TowerWriter writer(clip);
  for (const Tower tower : model.towers()) model.tower(tower).accept(writer);
  if (model.image && model.text) {
    clip.register_buffer("logit_scale", model.logit_scale);
    clip.define(source("clip"));
  } else {
    const char* encode = model.image ? "encode_image" : "encode_text";
    clip.define(source("one_tower", {{"encode", encode}}));
  }
  clip.eval();
  return clip;
}

}  // namespace clipq
