#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/model/attention.h"
#include "clipq/model/convolution_window.h"
#include "clipq/model/embedding.h"
#include "clipq/model/layer_norm.h"
#include "clipq/model/linear.h"
#include "clipq/model/tower.h"

namespace clipq {

class ResNetTower;
struct Transformer;

/// Where in a model a part is.
struct PartPlace {
  std::string name;  ///< canonical path, "visual.transformer.resblocks.3.mlp.c_fc"
  Tower tower = Tower::kImage;
  std::int64_t rows = 0;  ///< tokens that pass through it for one image or one text at full
                          ///< context; of a convolution, positions of its output
  std::optional<std::int64_t> block = {};  ///< the residual block it belongs to
  bool in_last_block = false;
  std::int64_t stage = 0;  ///< of TowerNetwork's, in which it is computed
  /// Canonical path of the layers among which it is quantized, or left float, where the effect of
  /// quantizing parts of a model is told apart; empty: it stands alone.
  std::string group = {};

  /// The place of a part of this part.
  PartPlace of(const std::string& part) const;

  const std::string& group_name() const { return group.empty() ? name : group; }
};

/// How a state dict with canonical names stores a linear layer.
struct StoredLinear {
  std::string weight;               ///< name
  std::vector<std::int64_t> shape;  ///< of the weight
  bool transposed = false;          ///< whether it is [in, out]; else [out, in] when flattened
  std::string bias;                 ///< name; empty: the layer has none
};

struct LinearPart : PartPlace {
  std::shared_ptr<const Linear>* layer;
  std::int64_t out_features;
  std::int64_t in_features;
  StoredLinear stored;
  LayerNorm* norm = nullptr;        ///< the one whose output it is given; null: another layer's
  bool follows_activation = false;  ///< whether it is given what a GELU returns
  /// Of a convolution, whose rows are windows of a map: what ResNets consist of. Patches are rows
  /// of their own.
  std::optional<ConvolutionWindow> window = {};
  /// The convolution whose output it is given after ReLU, and pooling at most, and that gives it to
  /// no other layer; null: there is none.
  std::shared_ptr<const Linear>* producer = nullptr;

  bool has_bias() const { return !stored.bias.empty(); }
  /// Whether its windows are of more than one position.
  bool has_windows() const { return window && window->area() > 1; }
};

/// Attention, which comes between two linear layers.
struct AttentionPart : PartPlace {
  std::shared_ptr<const Attention>* layer;
  std::int64_t width;
  std::int64_t heads;
  bool causal;
  std::string qkv_name;                ///< of the layer that makes queries, keys and values
  std::shared_ptr<const Linear>* qkv;  ///< [3 * width, width]
  LayerNorm* norm;                     ///< before it; null: none
  std::string output_name;             ///< of the layer after it
  std::shared_ptr<const Linear>* output;
  bool pooled = false;  ///< whether each item has only one query
};

struct EmbeddingPart : PartPlace {
  std::shared_ptr<const Embedding>* layer;
  std::int64_t entries;
  std::int64_t width;
};

/// What a tensor outside of the replaceable layers is for.
enum class TensorUse {
  kNorm,      ///< gain or bias of a LayerNorm
  kToken,     ///< a token of its own
  kPositions  ///< added to tokens, a row each
};

/// A tensor that is never quantized. Its place's name is that of the state dict.
struct TensorPart : PartPlace {
  at::Tensor* tensor;
  std::vector<std::int64_t> shape;
  TensorUse use;
};

struct TransformerPart : PartPlace {
  Transformer* transformer;
  bool pooled = true;  ///< whether of each item one token is all that is wanted of it
};

struct ResNetPart : PartPlace {
  ResNetTower* network;
};

/// Everything that a model consists of but its logit scale, each kind in the order in which data
/// flows through it, images first. Each layer type lists its own parts, also if it has no weights
/// yet. They point into the model and live as long.
struct ModelParts {
  std::vector<LinearPart> linears;
  std::vector<AttentionPart> attentions;
  std::vector<EmbeddingPart> embeddings;
  std::vector<TensorPart> tensors;
  std::vector<TransformerPart> transformers;
  std::vector<ResNetPart> resnets;
};

/// Adds a LayerNorm's tensors.
void add_parts(ModelParts& parts, const PartPlace& place, LayerNorm& norm, std::int64_t width);

/// The tower that a canonical name belongs to.
Tower tower_of(const std::string& name);

/// The first components of the names of a tower's parts, each once: "visual"; "token_embedding",
/// "transformer", ….
std::vector<std::string> top_level_names(const ModelParts& parts, Tower tower);

}  // namespace clipq
