#include "clipq/native/native_attention.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <gmock/gmock.h>

#include <limits>

#include "clipq/core/strings.h"
#include "clipq/quant/simulated_layers.h"
#include "tensors.h"

namespace clipq {
namespace {

using testing::random_normal;

ActivationQuantizer quantizer_in(Format format, Scheme scheme, int bits, float low, float high) {
  QuantizerSpec spec;
  spec.format = format;
  spec.scheme = scheme;
  spec.bits = bits;
  return ActivationQuantizer::with_scales(
      spec, scales_for(spec, {at::scalar_tensor(low), at::scalar_tensor(high)}));
}

ActivationQuantizer fp8(float most) {
  return quantizer_in(Format::kFp8E4M3, Scheme::kSymmetric, 8, -most, most);
}

ActivationQuantizer int8(Scheme scheme, int bits, float low, float high) {
  return quantizer_in(Format::kInt8, scheme, bits, low, high);
}

/// As the shipped recipes have them, and each quantizer alone.
std::vector<std::pair<std::string, AttentionQuantizers>> attention_kinds() {
  const ActivationQuantizer operand = int8(Scheme::kSymmetric, 8, -3, 2.5);
  const ActivationQuantizer lopsided = int8(Scheme::kAffine, 7, -1, 2.5);
  const ActivationQuantizer softmax = int8(Scheme::kAffine, 7, 0, 1);
  return {{"int8-static", {operand, operand, softmax, operand, lopsided}},
          {"fp8-max", {fp8(3), fp8(3.5), {}, fp8(2.5), fp8(2)}},
          {"queries", {operand, {}, {}, {}, {}}},
          {"keys", {{}, lopsided, {}, {}, {}}},
          {"softmax", {{}, {}, softmax, {}, {}}},
          {"values", {{}, {}, {}, fp8(3), {}}},
          {"output", {{}, {}, {}, {}, lopsided}}};
}

/// Attention of one item head by head, as blocks compute it.
at::Tensor by_heads(const Attention& attention, const at::Tensor& qkv) {
  const std::int64_t tokens = qkv.size(0);
  const std::int64_t width = qkv.size(1) / 3;
  const std::int64_t head_width = width / attention.heads();
  const HeadQuantizers quantizers = *head_quantizers(attention);
  at::Tensor out = at::empty({tokens, width});
  AttentionScratch scratch;
  for (std::int64_t head = 0; head < attention.heads(); ++head) {
    const float* queries = qkv.const_data_ptr<float>() + head * head_width;
    attend_quantized_head({.queries = queries,
                           .query_stride = 3 * width,
                           .query_rows = tokens,
                           .keys = queries + width,
                           .values = queries + 2 * width,
                           .key_stride = 3 * width,
                           .tokens = tokens,
                           .head_width = head_width,
                           .causal = attention.causal(),
                           .out = out.mutable_data_ptr<float>() + head * head_width,
                           .out_stride = width},
                          quantizers, scratch);
  }
  return out;
}

/// Softmax and sums in another order may move a number across the edge between two codes of the
/// softmax or of the output, but few of them and by one code.
TEST(NativeAttention, IsWhatSimulateComputes) {
  for (const auto& [name, quantizers] : attention_kinds()) {
    for (const bool causal : {false, true}) {
      for (const auto& [tokens, head_width] :
           std::vector<std::pair<int, int>>{{1, 4}, {5, 6}, {50, 64}, {77, 64}, {197, 80}}) {
        const SimulatedAttention simulated(2, causal, quantizers);
        ASSERT_EQ(why_not_by_heads(simulated), "");
        const at::Tensor qkv = random_normal({tokens, 6 * head_width}, 1);
        const at::Tensor expected = simulated.forward(qkv.unsqueeze(0)).squeeze(0);
        const at::Tensor difference = by_heads(simulated, qkv).sub(expected).abs();
        const std::string what = cat(name, ", ", tokens, " tokens of ", head_width);
        EXPECT_LT(difference.gt(2e-6).to(at::kFloat).mean().item<float>(), 2e-3) << what;
        const bool has_codes = quantizers.softmax || quantizers.output;
        EXPECT_LT(difference.max().item<float>(), has_codes ? 0.3 : 2e-6) << what;
      }
    }
  }
}

TEST(NativeAttention, NaNStaysNaN) {
  for (const auto& [name, quantizers] : attention_kinds()) {
    at::Tensor qkv = random_normal({40, 3 * 64}, 3);
    qkv[7].fill_(std::numeric_limits<float>::quiet_NaN());
    const SimulatedAttention simulated(1, false, quantizers);
    EXPECT_TRUE(by_heads(simulated, qkv).isnan().all().item<bool>()) << name;
  }
}

TEST(NativeAttention, RangesTakenAtRunTimeNeedAllHeads) {
  QuantizerSpec spec;
  spec.range = RangeKind::kDynamic;
  const SimulatedAttention dynamic(2, false, {ActivationQuantizer::dynamic(spec), {}, {}, {}, {}});
  EXPECT_NE(why_not_by_heads(dynamic), "");
  EXPECT_EQ(why_not_by_heads(FloatAttention(2, false)), "");
  EXPECT_FALSE(head_quantizers(FloatAttention(2, false)).has_value());
}

}  // namespace
}  // namespace clipq
