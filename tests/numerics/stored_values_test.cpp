#include "clipq/numerics/stored_values.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tensors.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

QuantizerSpec stored_spec(Format format, int bits, Scheme scheme = Scheme::kSymmetric) {
  QuantizerSpec spec;
  spec.format = format;
  spec.bits = bits;
  spec.scheme = scheme;
  spec.granularity = Granularity::kChannel;
  return spec;
}

const std::vector<QuantizerSpec>& specs() {
  static const std::vector<QuantizerSpec> all = {stored_spec(Format::kInt8, 8),
                                                 stored_spec(Format::kInt8, 7),
                                                 stored_spec(Format::kInt4, 4),
                                                 stored_spec(Format::kInt8, 8, Scheme::kAffine),
                                                 stored_spec(Format::kInt8, 7, Scheme::kAffine),
                                                 stored_spec(Format::kInt4, 4, Scheme::kAffine),
                                                 stored_spec(Format::kInt4, 3),
                                                 stored_spec(Format::kFp8E4M3, 8),
                                                 stored_spec(Format::kFp8E5M2, 8)};
  return all;
}

QuantizedTensor quantized(const QuantizerSpec& spec, std::int64_t columns = 7) {
  const at::Tensor x = testing::random_normal({5, columns}, 3);
  return quantize(x, spec, scales_for(spec, range_of(x, spec)));
}

TEST(StoredValues, WhatQuantizeWritesIsValid) {
  for (const QuantizerSpec& spec : specs()) {
    for (const std::int64_t columns : {1, 7, 8}) {
      const QuantizedTensor tensor = quantized(spec, columns);
      EXPECT_EQ(why_invalid_codes(tensor), "") << spec.describe();
      EXPECT_EQ(why_invalid(spec, tensor.scales), "") << spec.describe();
    }
  }
}

TEST(StoredValues, ScalesMustBePositiveAndLeaveTheLargestCodeFinite) {
  for (const QuantizerSpec& spec : specs()) {
    for (const double bad :
         {0.0, -0.5, std::nan(""), std::numeric_limits<double>::infinity(), 3e38}) {
      Scales scales = quantized(spec).scales;
      scales.scale = scales.scale.clone();
      scales.scale[2].fill_(bad);
      EXPECT_THAT(why_invalid(spec, scales), HasSubstr("1 of 5 scales ")) << spec.describe() << bad;
    }
  }
}

TEST(StoredValues, ZeroPointsMustBeCodes) {
  const QuantizerSpec spec = stored_spec(Format::kInt8, 7, Scheme::kAffine);
  for (const double bad : {-1.0, 128.0, 0.5, std::nan("")}) {
    Scales scales = quantized(spec).scales;
    scales.zero_point[1].fill_(bad);
    EXPECT_THAT(why_invalid(spec, scales), HasSubstr("1 of 5 zero points")) << bad;
  }
}

TEST(StoredValues, IntegersMustBeWithinTheirBits) {
  struct Case {
    QuantizerSpec spec;
    int code;  ///< as it is stored
    const char* words;
  };
  const std::vector<Case> cases = {
      {stored_spec(Format::kInt8, 8), -128, "reach from -128 to"},
      {stored_spec(Format::kInt8, 7), 64, "to 64, but 7 bits from -63 to 63"},
      {stored_spec(Format::kInt8, 7, Scheme::kAffine), 128, "to 128, but 7 bits from 0 to 127"},
      {stored_spec(Format::kInt4, 4), 0x80, "reach from -8 to"},
      {stored_spec(Format::kInt4, 4), 0x08, "reach from -8 to"},
      {stored_spec(Format::kInt4, 3), 0xc8, "to 4, but 3 bits from -3 to 3"}};
  for (const Case& each : cases) {
    QuantizedTensor tensor = quantized(each.spec);
    tensor.codes[4][0].fill_(each.code);
    EXPECT_THAT(why_invalid_codes(tensor), HasSubstr(each.words)) << each.spec.describe();
  }
}

TEST(StoredValues, WhatFillsUpARowIsNoCode) {
  QuantizedTensor tensor = quantized(stored_spec(Format::kInt4, 4), 7);
  tensor.codes[4][3].bitwise_and_(15);
  EXPECT_EQ(why_invalid_codes(tensor), "");
}

TEST(StoredValues, FloatsMustBeNumbers) {
  for (const int code : {0x7f, 0xff}) {
    QuantizedTensor tensor = quantized(stored_spec(Format::kFp8E4M3, 8));
    tensor.codes.view(at::kByte)[1][2].fill_(code);
    EXPECT_THAT(why_invalid_codes(tensor), HasSubstr("1 of 35 codes are NaN or infinite"));
  }
  for (const int code : {0x7c, 0x7d, 0xfc, 0xff}) {
    QuantizedTensor tensor = quantized(stored_spec(Format::kFp8E5M2, 8));
    tensor.codes.view(at::kByte)[1][2].fill_(code);
    EXPECT_THAT(why_invalid_codes(tensor), HasSubstr("1 of 35 codes are NaN or infinite"));
  }
  QuantizerSpec half = stored_spec(Format::kFp16, 16);
  half.granularity = Granularity::kTensor;
  QuantizedTensor tensor = quantized(half);
  EXPECT_EQ(why_invalid_codes(tensor), "");
  tensor.codes[0][0].fill_(std::numeric_limits<double>::infinity());
  EXPECT_THAT(why_invalid_codes(tensor), HasSubstr("1 of 35 codes are NaN or infinite"));
}

}  // namespace
}  // namespace clipq
