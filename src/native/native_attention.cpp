#include "clipq/native/native_attention.h"

#include "clipq/quant/simulated_layers.h"

namespace clipq {

std::string why_not_by_heads(const Attention& attention) {
  const AttentionQuantizers* quantizers = attention.quantizers();
  if (quantizers == nullptr) return "";
  for (const auto* quantizer : {&quantizers->q, &quantizers->k, &quantizers->softmax,
                                &quantizers->v, &quantizers->output}) {
    if (!*quantizer) continue;
    const QuantizerSpec& spec = (*quantizer)->spec();
    if (spec.range == RangeKind::kDynamic) return "attention takes ranges at run time";
    std::string reason = why_no_rule(spec);
    if (!reason.empty()) return reason;
  }
  return "";
}

std::optional<HeadQuantizers> head_quantizers(const Attention& attention) {
  const AttentionQuantizers* quantizers = attention.quantizers();
  if (quantizers == nullptr) return std::nullopt;
  const auto rule = [](const std::optional<ActivationQuantizer>& quantizer) {
    return quantizer ? std::optional(value_rule(*quantizer)) : std::nullopt;
  };
  return HeadQuantizers{.queries = rule(quantizers->q),
                        .keys = rule(quantizers->k),
                        .softmax = rule(quantizers->softmax),
                        .values = rule(quantizers->v),
                        .output = rule(quantizers->output)};
}

}  // namespace clipq
