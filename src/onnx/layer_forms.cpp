#include "layer_forms.h"

#include <cmath>

#include "clipq/core/error.h"
#include "clipq/quant/quantizer_id.h"
#include "clipq/quant/simulated_layers.h"
#include "linear_form.h"
#include "quantizer_forms.h"

namespace clipq {
namespace {

using Scope = GraphBuilder::Scope;
using Quantizer = std::optional<ActivationQuantizer>;

std::string write_linear(GraphBuilder& graph, const std::string& name, const std::string& x,
                         const std::shared_ptr<const Linear>& layer) {
  const Scope scope(graph, name);
  return clipq::write_linear(graph, x, *layer);
}

bool is_fp8(const Quantizer& quantizer) { return quantizer && is_fp8(quantizer->spec()); }

/// Queries, keys and values of an attention as the graph has them.
struct Operands {
  std::string q;  ///< [batch, heads, queries, head width]
  std::string k;  ///< [batch, heads, tokens, head width]
  std::string v;  ///< likewise
  std::string mask;
};

/// What the attention of a block computes with.
class AttentionWriter {
 public:
  AttentionWriter(GraphBuilder& graph, const Attention& attention, std::int64_t width)
      : graph_(graph),
        score_scale_(
            1 / std::sqrt(static_cast<double>(width) / static_cast<double>(attention.heads()))) {
    if (attention.quantizers() != nullptr) quantizers_ = *attention.quantizers();
  }

  /// [batch, heads, queries, head width]
  std::string write(const Operands& operands) {
    std::string probabilities =
        graph_.add("Softmax", {scores(operands)}, {{"axis", std::int64_t{-1}}});
    probabilities = quantized(Role::kSoftmax, quantizers_.softmax, probabilities);
    if (is_fp8(quantizers_.softmax) && is_fp8(quantizers_.v) && !for_tensorrt()) {
      throw UsageError(graph_.scope() +
                       ": softmax and values both in FP8 have no form that ONNX Runtime loads; "
                       "quantize with fp8-max, which leaves the softmax float, or export for "
                       "TensorRT");
    }
    return graph_.add("MatMul", {probabilities, quantized(Role::kVBmm, quantizers_.v, operands.v)});
  }

  std::string quantized_output(const std::string& x) {
    return quantized(Role::kBmm2Output, quantizers_.output, x);
  }

  const Quantizer& output() const { return quantizers_.output; }

 private:
  bool for_tensorrt() const { return graph_.target() == OnnxTarget::kTensorRt; }

  /// [batch, heads, head width, tokens]
  std::string transposed_keys(const std::string& k) {
    const std::vector<std::int64_t> permutation = {0, 1, 3, 2};
    // Rows must be whole for a quantizer that takes each by itself. Else nothing should stand
    // between it and the product.
    if (quantizers_.k && quantizers_.k->spec().granularity != Granularity::kTensor) {
      return graph_.transpose(quantized(Role::kKBmm, quantizers_.k, k), permutation);
    }
    return quantized(Role::kKBmm, quantizers_.k, graph_.transpose(k, permutation));
  }

  std::string scores(const Operands& operands) {
    std::string q = quantized(Role::kQBmm, quantizers_.q, operands.q);
    const std::string k = transposed_keys(operands.k);
    // Between an integer product and its operands nothing may stand, nor for TensorRT. Between one
    // of FP8 and its operands something must: ONNX Runtime takes it for one of integers, and fails.
    const bool directly =
        quantizers_.q && quantizers_.k && (!is_fp8(quantizers_.q) || for_tensorrt());
    const auto scaled = [this](const std::string& x) {
      return graph_.add("Mul", {x, graph_.scalar(score_scale_)});
    };
    if (!directly) q = scaled(q);
    std::string out = graph_.add("MatMul", {q, k});
    if (directly) out = scaled(out);
    return operands.mask.empty() ? out : graph_.add("Add", {out, operands.mask});
  }

  std::string quantized(Role role, const Quantizer& quantizer, const std::string& x) {
    if (!quantizer) return x;
    const Scope scope(graph_, QuantizerId{graph_.scope(), role}.name());
    require_fit(graph_, quantizer->spec());
    return simulate(graph_, x, *quantizer);
  }

  GraphBuilder& graph_;
  double score_scale_;
  AttentionQuantizers quantizers_;
};

/// Rows [n, width] as [batch, heads, tokens, head width].
std::string in_heads(GraphBuilder& graph, const std::string& rows, const std::string& shape) {
  return graph.transpose(graph.reshape(rows, shape), {0, 2, 1, 3});
}

std::string as_rows(GraphBuilder& graph, const std::string& heads, std::int64_t width) {
  return graph.reshape(graph.transpose(heads, {0, 2, 1, 3}), graph.ints({-1, width}));
}

/// The mask's rows of the pooled tokens: [batch, 1, 1, tokens].
std::string pooled_mask(GraphBuilder& graph, const RowLayout& layout, const PooledToken& pooled) {
  if (layout.mask.empty()) return {};
  const std::string rows = graph.add("Gather", {layout.mask, pooled.positions});
  return graph.add("Unsqueeze", {rows, graph.ints({1, 2})});
}

AttentionLayers attention_of(const BlockNames& names, const Block& block) {
  return {names.qkv,
          *block.qkv,
          names.attention,
          *block.attention,
          names.attention_output,
          *block.attention_output,
          block.width};
}

std::string write_mlp(GraphBuilder& graph, const BlockNames& names, const Block& block,
                      const std::string& x) {
  std::string y = write_layer_norm(graph, names.mlp_norm, x, block.mlp_norm);
  y = write_linear(graph, names.mlp_hidden, y, block.mlp_hidden);
  y = write_activation(graph, y, block.activation);
  y = write_linear(graph, names.mlp_output, y, block.mlp_output);
  return graph.add("Add", {x, y});
}

/// Queries, keys and values of rows.
/// @param pooled of the queries; null: of all tokens
Operands write_operands(GraphBuilder& graph, const std::string& x, const AttentionLayers& layers,
                        const RowLayout& layout, const PooledToken* pooled) {
  const std::int64_t width = layers.width;
  const OutputRange q = {0, width};
  const OutputRange k = {width, width};
  const OutputRange v = {2 * width, width};
  const Scope scope(graph, layers.qkv_name);
  if (pooled == nullptr) {
    const auto parts = clipq::write_linear(graph, x, layers.qkv, {q, k, v});
    return {in_heads(graph, parts[0], layout.heads), in_heads(graph, parts[1], layout.heads),
            in_heads(graph, parts[2], layout.heads), layout.mask};
  }
  const auto parts = clipq::write_linear(graph, x, layers.qkv, {k, v});
  const auto query = clipq::write_linear(graph, pick(graph, x, layout, *pooled), layers.qkv, {q});
  const std::int64_t heads = layers.attention.heads();
  return {in_heads(graph, query[0], graph.ints({-1, 1, heads, width / heads})),
          in_heads(graph, parts[0], layout.heads), in_heads(graph, parts[1], layout.heads),
          pooled_mask(graph, layout, *pooled)};
}

/// @param pooled null: of all tokens
std::string write_attention(GraphBuilder& graph, const std::string& x,
                            const AttentionLayers& layers, const RowLayout& layout,
                            const PooledToken* pooled) {
  const Operands operands = write_operands(graph, x, layers, layout, pooled);
  std::string y;
  {
    const Scope scope(graph, layers.name);
    AttentionWriter attention(graph, layers.attention, layers.width);
    y = attention.quantized_output(as_rows(graph, attention.write(operands), layers.width));
  }
  const Scope scope(graph, layers.output_name);
  return clipq::write_linear(graph, y, layers.output);
}

/// @param pooled null: of all tokens
std::string write_block(GraphBuilder& graph, const std::string& name, const std::string& x,
                        const Block& block, const RowLayout& layout, const PooledToken* pooled) {
  const BlockNames names(name);
  std::string y = write_layer_norm(graph, names.attention_norm, x, block.attention_norm);
  y = write_attention(graph, y, attention_of(names, block), layout, pooled);
  const Scope scope(graph, name);
  const std::string residual = pooled == nullptr ? x : pick(graph, x, layout, *pooled);
  return write_mlp(graph, names, block, graph.add("Add", {residual, y}));
}

}  // namespace

std::string pick(GraphBuilder& graph, const std::string& rows, const RowLayout& layout,
                 const PooledToken& pooled) {
  const std::string items = graph.reshape(rows, layout.items);
  if (pooled.positions.empty()) {
    return graph.add("Gather", {items, graph.scalar(std::int64_t{0}, at::kLong)},
                     {{"axis", std::int64_t{1}}});
  }
  const std::string indices = graph.add("Unsqueeze", {pooled.positions, graph.ints({1})});
  return graph.add("GatherND", {items, graph.cast(indices, OnnxType::kInt64)},
                   {{"batch_dims", std::int64_t{1}}});
}

std::string write_layer_norm(GraphBuilder& graph, const std::string& name, const std::string& x,
                             const LayerNorm& norm) {
  const Scope scope(graph, name);
  return graph.add("LayerNormalization",
                   {x, graph.constant("weight", norm.weight), graph.constant("bias", norm.bias)},
                   {{"axis", std::int64_t{-1}}, {"epsilon", static_cast<float>(norm.eps)}});
}

std::string write_activation(GraphBuilder& graph, const std::string& x, Activation activation) {
  const auto times = [&graph](const std::string& a, double b) {
    return graph.add("Mul", {a, graph.scalar(b)});
  };
  const auto gated = [&](const std::string& gate) {
    return times(graph.add("Mul", {x, graph.add("Add", {gate, graph.scalar(1.0)})}), 0.5);
  };
  switch (activation) {
    case Activation::kQuickGelu:
      return graph.add("Mul", {x, graph.add("Sigmoid", {times(x, 1.702)})});
    case Activation::kGelu:
      return gated(graph.add("Erf", {graph.add("Div", {x, graph.scalar(std::sqrt(2.0))})}));
    case Activation::kGeluTanh: {
      const std::string cube = graph.add("Mul", {x, graph.add("Mul", {x, x})});
      const std::string inner = graph.add("Add", {x, times(cube, 0.044715)});
      return gated(graph.add("Tanh", {times(inner, std::sqrt(2 / M_PI))}));
    }
  }
  throw InternalError("an activation without a form in ONNX");
}

std::string write_transformer(GraphBuilder& graph, const std::string& name, const std::string& x,
                              const Transformer& transformer, const RowLayout& layout) {
  std::string y = x;
  for (std::size_t i = 0; i < transformer.blocks.size(); ++i) {
    y = write_block(graph, block_name(name, i), y, transformer.blocks[i], layout, nullptr);
  }
  return y;
}

std::string write_transformer(GraphBuilder& graph, const std::string& name, const std::string& x,
                              const Transformer& transformer, const RowLayout& layout,
                              const PooledToken& pooled) {
  const std::size_t count = transformer.blocks.size();
  if (transformer.needs_whole_batch() || count == 0) {
    return pick(graph, write_transformer(graph, name, x, transformer, layout), layout, pooled);
  }
  std::string y = x;
  for (std::size_t i = 0; i < count; ++i) {
    y = write_block(graph, block_name(name, i), y, transformer.blocks[i], layout,
                    i + 1 == count ? &pooled : nullptr);
  }
  return y;
}

std::string write_attention(GraphBuilder& graph, const std::string& x,
                            const AttentionLayers& layers, const RowLayout& layout,
                            const PooledToken& pooled) {
  return write_attention(graph, x, layers, layout, &pooled);
}

std::string write_attention_pool(GraphBuilder& graph, const std::string& name, const std::string& x,
                                 const AttentionPool& pool, std::int64_t tokens) {
  const std::int64_t width = pool.width;
  const std::int64_t heads = pool.attention->heads();
  std::vector<std::string> parts;
  {
    const Scope scope(graph, name + ".kv");
    parts = clipq::write_linear(graph, x, *pool.kv, {{0, width}, {width, width}});
  }
  const Scope scope(graph, name);
  const std::string shape = graph.ints({-1, tokens, heads, width / heads});
  AttentionWriter attention(graph, *pool.attention, width);
  const Operands operands = {graph.constant("query", pool.query.view({1, heads, 1, width / heads})),
                             in_heads(graph, parts[0], shape), in_heads(graph, parts[1], shape),
                             ""};
  std::string y = as_rows(graph, attention.write(operands), width);
  const std::string pooled = write_linear(graph, name + ".out_proj", y, pool.output);
  y = write_layer_norm(graph, name + ".ln", pooled, pool.norm);
  y = write_linear(graph, name + ".mlp.c_fc", y, pool.mlp_hidden);
  y = write_activation(graph, y, pool.activation);
  y = write_linear(graph, name + ".mlp.c_proj", y, pool.mlp_output);
  return graph.add("Add", {pooled, y});
}

}  // namespace clipq
