#include "bfloat16_parts.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tensors.h"

namespace clipq {
namespace {

using testing::kInfinity;
using testing::kNan;

constexpr float kLargest = std::numeric_limits<float>::max();

float from_bfloat16(std::uint32_t half) { return std::bit_cast<float>(half << 16U); }

/// Of every size that a float has.
std::vector<float> random_floats(std::size_t count) {
  std::mt19937 random(3);
  std::vector<float> values;
  while (values.size() < count) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isnormal(value) && std::abs(value) > 1e-30F) values.push_back(value);
  }
  return values;
}

struct Parts {
  explicit Parts(const std::vector<float>& x) : upper(x.size()), lower(x.size()) {
    split_to_bfloat16(x.data(), static_cast<std::int64_t>(x.size()), upper.data(), lower.data());
  }
  std::vector<std::uint16_t> upper;
  std::vector<std::uint16_t> lower;
};

TEST(SplitToBfloat16, PartsSumToTheFloat) {
  for (const std::size_t width : {1, 7, 16, 33, 5000}) {
    std::vector<float> x = random_floats(width);
    x.back() = kLargest;
    x.front() = -kLargest;
    const Parts parts(x);
    for (std::size_t i = 0; i < width; ++i) {
      const float upper = from_bfloat16(parts.upper[i]);
      const double sum = double{upper} + from_bfloat16(parts.lower[i]);
      EXPECT_TRUE(std::isfinite(upper)) << x[i];
      const double most = std::abs(x[i]) == kLargest ? 0x1p-16 : 0x1p-17;
      EXPECT_LE(std::abs(sum - x[i]), most * std::abs(x[i])) << x[i];
    }
  }
}

TEST(SplitToBfloat16, WhatIsNotFiniteIsInTheUpperPart) {
  const std::vector<float> x = {kInfinity,
                                -kInfinity,
                                kNan,
                                std::bit_cast<float>(0xFFFFFFFFU),
                                std::bit_cast<float>(0x7FFFFFFFU),
                                std::bit_cast<float>(0x7F800001U),
                                0.0F,
                                -0.0F};
  const Parts parts(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float upper = from_bfloat16(parts.upper[i]);
    EXPECT_EQ(std::isnan(upper), std::isnan(x[i])) << i;
    if (!std::isnan(x[i])) {
      EXPECT_EQ(upper, x[i]) << i;
    }
    EXPECT_EQ(parts.lower[i], 0) << i;
  }
}

TEST(PairAsBfloat16, PairsNeighbouringLines) {
  constexpr std::int64_t kWidth = 21;
  constexpr std::int64_t kLines = 6;
  const std::vector<float> x = random_floats(kLines * kWidth);
  std::vector<std::uint32_t> upper(kLines / 2 * kWidth);
  std::vector<std::uint32_t> lower(upper.size());
  std::vector<std::uint32_t> alone(upper.size());
  pair_as_bfloat16(x.data(), kLines, kWidth, upper.data(), lower.data());
  pair_as_bfloat16(x.data(), kLines, kWidth, alone.data(), nullptr);
  EXPECT_EQ(upper, alone);
  for (std::int64_t line = 0; line < kLines; ++line) {
    for (std::int64_t column = 0; column < kWidth; ++column) {
      const auto place = static_cast<std::size_t>(line / 2 * kWidth + column);
      const std::uint32_t shift = line % 2 * 16;
      const double sum = double{from_bfloat16(upper[place] >> shift & 0xFFFFU)} +
                         from_bfloat16(lower[place] >> shift & 0xFFFFU);
      const float value = x[static_cast<std::size_t>(line * kWidth + column)];
      EXPECT_LE(std::abs(sum - value), 0x1p-16 * std::abs(value)) << line << ", " << column;
    }
  }
}

}  // namespace
}  // namespace clipq
