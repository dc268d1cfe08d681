#pragma once

#include <optional>
#include <string>

#include "clipq/model/attention_pool.h"
#include "clipq/model/transformer.h"
#include "write_linear.h"

namespace clipq {

/// How rows [batch * tokens, width] are items: shapes for Reshape, and what masks need.
struct RowLayout {
  std::string items;   ///< int64 [3]: batch, tokens, width
  std::string heads;   ///< int64 [4]: batch, tokens, heads, head width
  std::string mask;    ///< float32 [tokens, tokens], added to scores; empty: none
  std::string tokens;  ///< int64 [1]; where there is a mask
};

/// Which token of each item is wanted.
struct PooledToken {
  std::string positions;  ///< int32 or int64 [batch]; empty: the first token of each
};

/// Rows [batch * tokens, width] of the pooled tokens: [batch, width].
std::string pick(GraphBuilder& graph, const std::string& rows, const RowLayout& layout,
                 const PooledToken& pooled);

std::string write_layer_norm(GraphBuilder& graph, const std::string& name, const std::string& x,
                             const LayerNorm& norm);

std::string write_activation(GraphBuilder& graph, const std::string& x, Activation activation);

/// The blocks, and of their result the pooled tokens: [batch, width]. Of the last block only what
/// those need is computed, unless a layer needs the whole batch.
/// @param name of the transformer
std::string write_transformer(GraphBuilder& graph, const std::string& name, const std::string& x,
                              const Transformer& transformer, const RowLayout& layout,
                              const PooledToken& pooled);

/// All tokens [batch * tokens, width] after all blocks.
std::string write_transformer(GraphBuilder& graph, const std::string& name, const std::string& x,
                              const Transformer& transformer, const RowLayout& layout);

/// An attention and the layers around it, with their names.
struct AttentionLayers {
  std::string qkv_name;
  const Linear& qkv;
  std::string name;
  const Attention& attention;
  std::string output_name;
  const Linear& output;
  std::int64_t width;  ///< of queries, keys or values
};

/// From rows [batch * tokens, width] to those of the pooled tokens after the output layer.
std::string write_attention(GraphBuilder& graph, const std::string& x,
                            const AttentionLayers& layers, const RowLayout& layout,
                            const PooledToken& pooled);

/// @param x rows [batch * tokens, width]
/// @return [batch, width]
std::string write_attention_pool(GraphBuilder& graph, const std::string& name, const std::string& x,
                                 const AttentionPool& pool, std::int64_t tokens);

}  // namespace clipq
