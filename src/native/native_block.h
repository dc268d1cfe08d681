#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/panel_linear.h"
#include "clipq/model/layer_profile.h"
#include "clipq/model/transformer.h"
#include "clipq/native/native_attention.h"
#include "clipq/native/native_transformer.h"

namespace clipq {

/// At least `count` values; what is large enough is kept.
float* at_least(std::vector<float>& values, std::int64_t count);

/// What one thread works on.
struct BlockScratch {
  InputPanel input;
  InputPanel hidden_input;
  std::vector<float> row;
  std::vector<float> hidden;
  AttentionScratch attention;
  std::vector<float> projected;  ///< queries, keys and values of some heads of some items
  std::vector<float> attended;   ///< of some items
  LayerProfile* profile = nullptr;
  int threads = 1;  ///< that share the work, for the profile
};

/// Queries, keys and values of one item as the qkv layer leaves them, heads side by side.
struct ProjectedItem {
  const float* queries;  ///< [query_rows], of the first head
  std::ptrdiff_t query_stride;
  std::int64_t query_rows;
  const float* keys;    ///< [tokens], likewise
  const float* values;  ///< [tokens], likewise
  std::ptrdiff_t key_stride;
  std::int64_t tokens;
  bool causal;
  float* out;  ///< [query_rows], likewise; rows are the block's width apart
};

/// The heads [first, first + count) of a block.
struct HeadRange {
  std::int64_t first;
  std::int64_t count;
};

/// The columns [first, first + count) of a layer's output.
struct ColumnRange {
  std::int64_t first;
  std::int64_t count;
};

/// One block on layers that work on panels of rows. Every function works on the calling thread
/// alone.
class NativeBlock {
 public:
  /// Whether every linear of the block is native and none needs the whole batch.
  static bool can_run(const Block& block);

  /// @param block as can_run() wants it; its layers are shared
  /// @param name canonical path, for the profile
  NativeBlock(const Block& block, const std::string& name, const BlockChoices& choices);

  const Attention& attention() const { return *block_.attention; }
  bool has_float_attention() const { return block_.attention->quantizers() == nullptr; }
  /// Whether attend() can compute the attention.
  bool attends_by_heads() const { return attends_by_heads_; }
  /// Whether the MLP's weights are dequantized in every run.
  bool dequantizes() const { return mlp_hidden_.dequantizes(); }
  std::int64_t width() const { return attention_output_.out_features(); }
  std::int64_t heads() const { return block_.attention->heads(); }
  std::int64_t head_width() const { return width() / heads(); }
  std::int64_t panel_rows() const { return qkv_.panel_rows(); }
  const std::string& attention_name() const { return names_.attention; }

  /// The columns [first, first + count) of qkv(attention_norm(residual)).
  /// @param residual [rows][width]
  /// @param out [rows][count]
  void project(const float* residual, std::int64_t rows, std::int64_t first, std::int64_t count,
               float* out, BlockScratch& scratch) const;

  /// Heads that are worth projecting at once: their columns fill whole tiles.
  std::int64_t heads_at_once() const;

  /// Leaves attention_norm(residual), as the qkv layer reads it, in the scratch.
  /// @param residual [rows][width]
  void load_input(const float* residual, std::int64_t rows, BlockScratch& scratch) const;

  /// The qkv layer's columns of some heads from the input that load_input() left: queries (if
  /// wanted), keys and values, each [rows][columns of the heads], side by side.
  /// @param out [rows][3 or 2][columns of the heads]
  void project_heads(const HeadRange& heads, bool queries, float* out, BlockScratch& scratch) const;

  /// One head of an item's attention, counted from the item's first. Wants attends_by_heads().
  void attend(const ProjectedItem& item, std::int64_t head, BlockScratch& scratch) const;

  /// residual += attention_output(attended), then residual += mlp(mlp_norm(residual)).
  /// @param attended, residual [rows][width]
  void finish(const float* attended, float* residual, std::int64_t rows,
              BlockScratch& scratch) const;

  /// The same in three steps of some columns each, for few rows: all of them are loaded for every
  /// range of columns.
  /// residual += attention_output(attended)
  void add_attention(const float* attended, float* residual, std::int64_t rows,
                     const ColumnRange& columns, BlockScratch& scratch) const;
  /// hidden = activation(mlp_hidden(mlp_norm(residual)))
  /// @param hidden [rows][hidden_width()]
  void hidden(const float* residual, std::int64_t rows, const ColumnRange& columns, float* hidden,
              BlockScratch& scratch) const;
  /// residual += mlp_output(hidden)
  void add_mlp(const float* hidden, float* residual, std::int64_t rows, const ColumnRange& columns,
               BlockScratch& scratch) const;

  std::int64_t hidden_width() const { return mlp_hidden_.out_features(); }

 private:
  struct Norm {
    explicit Norm(const LayerNorm& norm);
    at::Tensor weight;
    at::Tensor bias;
    float eps;
  };

  /// What the profile calls the block's parts: a LayerNorm goes with the quantizer after it.
  struct Names {
    explicit Names(const std::string& block);
    std::string attention_input, qkv, attention, attention_output_input, attention_output,
        mlp_input, mlp_hidden, mlp_output_input, mlp_output;
  };

  void load_normalized(const Norm& norm, const PanelLinear& linear, const float* x,
                       std::int64_t rows, BlockScratch& scratch) const;
  void finish_panel(const float* attended, float* residual, std::int64_t rows,
                    BlockScratch& scratch) const;
  /// Fill the scratch's hidden input with the activated hidden layer: tile by tile, if the layers
  /// allow it, or row by row.
  bool hidden_by_tiles(BlockScratch& scratch) const;
  void hidden_by_rows(std::int64_t rows, BlockScratch& scratch) const;
  void add_mlp_of_panel(float* residual, std::int64_t rows, BlockScratch& scratch) const;
  void load_mlp_input(const float* residual, std::int64_t rows, BlockScratch& scratch) const;
  void load_hidden(const float* hidden, std::int64_t rows, BlockScratch& scratch) const;

  Block block_;  ///< keeps the layers alive
  Names names_;
  BlockChoices choices_;
  bool attends_by_heads_;
  std::optional<HeadQuantizers> head_quantizers_;
  Norm attention_norm_;
  const PanelLinear& qkv_;
  const PanelLinear& attention_output_;
  Norm mlp_norm_;
  const PanelLinear& mlp_hidden_;
  const PanelLinear& mlp_output_;
};

}  // namespace clipq
