#pragma once

#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/quant/placement.h"

namespace clipq {

/// What stands before the layer that a scale is moved into.
enum class FoldKind {
  kNorm,        ///< a LayerNorm: its gain and bias are divided
  kValues,      ///< the values of attention, before out_proj: softmax mixes tokens, not channels
  kQueriesKeys  ///< queries are divided, keys multiplied: their products stay as they are
};

/// A place where one factor a channel can be moved through a float model that stays the same. It
/// points into the model.
struct FoldSite {
  FoldKind kind;
  std::string consumer_name;                ///< of the linear layer whose columns are multiplied;
                                            ///< of queries and keys: in_proj
  std::string attention_name;               ///< of values, queries and keys: "….attn"
  LayerNorm* norm;                          ///< the LayerNorm before in_proj, c_fc or a projection
  std::shared_ptr<const Linear>* producer;  ///< in_proj, or nullptr where a norm stands before
  std::shared_ptr<const Linear>* consumer;
};

/// All sites in the order in which they are to be folded: those that scale in_proj's rows before
/// those that look at its columns.
std::vector<FoldSite> fold_sites(ClipModel& model);

/// Whether a quantizer that is on would notice the fold.
bool is_quantized(const FoldSite& site, const Placement& placement);

/// Divides what comes before by `scale` (float32 [channels], positive), and multiplies what comes
/// after.
void fold(const FoldSite& site, const at::Tensor& scale);

/// The rows of in_proj, weight [width, in] and bias [width], that make queries (0), keys (1) or
/// values (2).
struct ProjectionPart {
  at::Tensor weight;
  at::Tensor bias;
};
ProjectionPart part_of(const Linear& in_proj, std::int64_t part);

/// The layer as float. Throws InternalError if it isn't.
const FloatLinear& as_float(const Linear& layer);

}  // namespace clipq
