#pragma once

#include <string>
#include <vector>

#include "clipq/model/parts.h"
#include "clipq/quant/placement.h"

namespace clipq {

/// What comes before the layer that a scale is moved into.
enum class FoldKind {
  kNorm,         ///< a LayerNorm: its gain and bias are divided
  kValues,       ///< the values of attention, before its output layer: softmax mixes tokens, not
                 ///< channels
  kQueriesKeys,  ///< queries are divided, keys multiplied: their products stay as they are
  kConvolution   ///< a convolution and ReLU, which is positively homogeneous: its output channels
                 ///< are divided
};

/// A place where one factor per channel can be moved through a float model that stays the same. It
/// points into the model.
struct FoldSite {
  FoldKind kind;
  std::string consumer_name;   ///< of the linear layer whose columns are multiplied;
                               ///< of queries and keys: the layer that makes them
  std::string attention_name;  ///< of values, queries and keys
  LayerNorm* norm;             ///< before the consumer, or before the producer; nullptr: none
  std::shared_ptr<const Linear>* producer;  ///< makes queries, keys and values, or is the
                                            ///< convolution; nullptr where a norm comes before the
                                            ///< consumer
  std::shared_ptr<const Linear>* consumer;
  std::int64_t taps = 1;  ///< columns of the consumer that belong to a channel, side by side
};

/// One value a column of the consumer, given one a channel.
at::Tensor by_column(const FoldSite& site, const at::Tensor& channels);

/// Values of the consumer's columns by channel: [channels, taps].
at::Tensor by_channel(const FoldSite& site, const at::Tensor& columns);

/// All sites in the order in which they are to be folded: those that scale the rows of the layer
/// that makes queries, keys and values before those that look at its columns.
std::vector<FoldSite> fold_sites(const ModelParts& parts);

/// Whether a quantizer would notice the fold.
bool concerns(const FoldSite& site, const QuantizerId& quantizer);

/// Whether a quantizer that is on would notice the fold.
bool is_quantized(const FoldSite& site, const Placement& placement);

/// Divides what comes before by `scale` (float32 [channels], positive), and multiplies what comes
/// after.
void fold(const FoldSite& site, const at::Tensor& scale);

/// The rows, weight [width, in] and bias [width], that make queries (0), keys (1) or values (2).
struct ProjectionPart {
  at::Tensor weight;
  at::Tensor bias;
};
ProjectionPart part_of(const Linear& qkv, std::int64_t part);

/// What a float layer computes with. Throws InternalError if the layer isn't float.
LinearContents float_contents(const Linear& layer);

}  // namespace clipq
