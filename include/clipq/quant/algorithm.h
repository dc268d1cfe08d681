#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/model/clip_model.h"
#include "clipq/numerics/quantize.h"
#include "clipq/quant/placement.h"
#include "clipq/quant/simulated_layers.h"

namespace clipq {

/// Sampled input rows of linear layers, float32 [rows, in], by the layers' names.
using SampledRows = std::map<std::string, at::Tensor>;

/// A weight on its way into quantized storage.
struct WeightInConversion {
  const PlacedQuantizer& quantizer;
  at::Tensor values;  ///< float32 [out, in]: what will be quantized
  Scales scales;      ///< with which scales
  at::Tensor rows;    ///< sampled input rows [n, in] of the float layer; undefined: none
};

/// A layer whose weight and input are quantized already and whose bias may still be changed.
struct BiasInConversion {
  const Linear& layer;               ///< float
  const SimulatedLinear& quantized;  ///< with the same bias
  at::Tensor bias;                   ///< float32 [out]
  at::Tensor rows;                   ///< sampled input rows [n, in]; undefined: none
  at::Tensor expected_input;  ///< [in], the input's mean as the LayerNorm before the layer tells
                              ///< it; undefined: no LayerNorm stands there
};

/// A method that makes quantization cost less. Values: nothing changes after construction. Of each
/// hook all algorithms' are called in the recipe's order, before the next hook's.
class Algorithm {
 public:
  virtual ~Algorithm() = default;

  /// Whether transform() needs sampled rows.
  virtual bool transform_needs_rows() const { return false; }

  /// Whether it can do something for an enabled quantizer of the model that consists of `parts`.
  virtual bool serves(const PlacedQuantizer& quantizer, const ModelParts& parts) const = 0;

  /// Whether round_weight() or convert_bias() need sampled rows.
  virtual bool conversion_needs_rows() const { return false; }

  /// Changes the float model without changing what it computes.
  /// @param rows of the layers with an enabled quantizer, if transform_needs_rows()
  virtual void transform(ClipModel& /*model*/, const Placement& /*placement*/,
                         const SampledRows& /*rows*/) const {}

  /// Changes the scales that a weight is quantized with.
  virtual void choose_scales(WeightInConversion& /*weight*/) const {}

  /// Changes the values that are quantized, all scales having been chosen.
  virtual void round_weight(WeightInConversion& /*weight*/) const {}

  /// Changes a quantized layer's bias.
  virtual void convert_bias(BiasInConversion& /*bias*/) const {}
};

using Algorithms = std::vector<std::shared_ptr<const Algorithm>>;

/// One row of the algorithm table.
struct AlgorithmInfo {
  const char* name;
  const char* comment;
  /// Makes the algorithm from its object in a recipe. Throws UsageError that names `where`.
  std::shared_ptr<const Algorithm> (*make)(const Json& options, const std::string& where);
};

/// All algorithms, for recipes and `clipq list algorithms`.
const std::vector<AlgorithmInfo>& algorithms();

/// The algorithm that a recipe's entry describes: a name, or an object with "name" and options.
/// Throws UsageError that names `where`, with a suggestion for an unknown name.
std::shared_ptr<const Algorithm> make_algorithm(const Json& entry, const std::string& where);

std::shared_ptr<const Algorithm> make_equalize(const Json& options, const std::string& where);
std::shared_ptr<const Algorithm> make_cross_layer_equalization(const Json& options,
                                                               const std::string& where);
std::shared_ptr<const Algorithm> make_awq(const Json& options, const std::string& where);
std::shared_ptr<const Algorithm> make_weight_clip(const Json& options, const std::string& where);
std::shared_ptr<const Algorithm> make_gptq(const Json& options, const std::string& where);
std::shared_ptr<const Algorithm> make_bias_correction(const Json& options,
                                                      const std::string& where);

}  // namespace clipq
