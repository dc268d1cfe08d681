#include <algorithm>

#include "clipq/quant/algorithm.h"
#include "clipq/quant/simulated_layers.h"

namespace clipq {
namespace {

/// Bias correction (Nagel et al. 2019): b += E[W x] - E[Ŵ x̂]. The mean is taken over sampled rows;
/// data-free, over the LayerNorm's bias, which is its output's mean, and for the weight alone.
class BiasCorrection final : public Algorithm {
 public:
  explicit BiasCorrection(bool data_free) : data_free_(data_free) {}

  bool conversion_needs_rows() const override { return !data_free_; }

  bool serves(const PlacedQuantizer& quantizer, const ModelParts& parts) const override {
    return std::any_of(parts.linears.begin(), parts.linears.end(), [&](const LinearPart& part) {
      return part.has_bias() && part.name == quantizer.id.layer;
    });
  }

  void convert_bias(BiasInConversion& conversion) const override {
    const at::Tensor& input = data_free_ ? conversion.expected_input : conversion.rows;
    if (!input.defined()) return;
    const at::Tensor wanted = conversion.layer.forward(input);
    const at::Tensor got = data_free_ ? conversion.quantized.forward_unquantized(input)
                                      : conversion.quantized.forward(input);
    const at::Tensor error = wanted.sub(got).reshape({-1, wanted.size(-1)});
    conversion.bias = conversion.bias.add(error.mean(0));
  }

 private:
  bool data_free_;
};

}  // namespace

std::shared_ptr<const Algorithm> make_bias_correction(const Json& options,
                                                      const std::string& where) {
  require_known_keys(options, {"name", "data_free"}, where);
  return std::make_shared<BiasCorrection>(json_value(options, "data_free", false, where));
}

}  // namespace clipq
