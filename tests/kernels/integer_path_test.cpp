#include "clipq/kernels/integer_path.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "paths_by_name.h"
#include "tensors.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

struct Codes {
  at::Tensor input;   ///< uint8 [rows, depth]
  at::Tensor weight;  ///< int8 [columns, depth]
  int weight_limit;
  int input_limit;

  IntegerWeight packed_from() const {
    return {weight.const_data_ptr<std::int8_t>(), weight.size(0), weight.size(1), weight_limit,
            input_limit};
  }
};

Codes random_codes(std::int64_t rows, std::int64_t depth, std::int64_t columns, int weight_limit,
                   int input_limit) {
  const auto uniform = [](std::int64_t n, std::int64_t m, std::uint64_t seed) {
    return testing::random_normal({n, m}, seed).mul_(1e4).abs_().floor_();
  };
  return {
      uniform(rows, depth, 1).remainder(input_limit + 1).to(at::kByte),
      uniform(columns, depth, 2).remainder(2 * weight_limit + 1).sub(weight_limit).to(at::kChar),
      weight_limit, input_limit};
}

/// Every pair of products at the end of its range: sums in 16 bits saturate here first.
Codes extreme_codes(std::int64_t rows, std::int64_t depth, std::int64_t columns, int weight_limit,
                    int input_limit) {
  Codes codes = {at::full({rows, depth}, input_limit, at::kByte),
                 at::full({columns, depth}, weight_limit, at::kChar), weight_limit, input_limit};
  codes.weight.slice(0, 0, columns, 2).neg_();
  codes.input.slice(0, 1, rows, 3).zero_();
  return codes;
}

/// What the matrix gives for columns [first, first + count): int32 [rows, count].
at::Tensor product(const IntegerMatrix& matrix, const at::Tensor& input, std::int64_t first,
                   std::int64_t count) {
  const std::int64_t depth = input.size(1);
  const std::int64_t stride = (depth + 63) / 64 * 64;
  const at::Tensor rows = at::constant_pad_nd(input, {0, stride - depth}).contiguous();
  at::Tensor out = at::full({input.size(0), count}, -1, at::kInt);
  at::Tensor times = at::zeros({input.size(0), count}, at::kInt);
  matrix.multiply(rows.const_data_ptr<std::uint8_t>(), rows.size(0), stride, first, count,
                  [&](const AccumulatorTile& tile) {
                    for (std::int64_t r = 0; r < tile.rows; ++r) {
                      for (std::int64_t c = 0; c < tile.columns; ++c) {
                        out[tile.row + r][tile.column + c - first] =
                            tile.values[r * tile.stride + c];
                        times[tile.row + r][tile.column + c - first] += 1;
                      }
                    }
                  });
  EXPECT_TRUE(times.eq(1).all().item<bool>());
  return out;
}

at::Tensor reference(const Codes& codes, std::int64_t first, std::int64_t count) {
  return at::matmul(codes.input.to(at::kDouble),
                    codes.weight.narrow(0, first, count).to(at::kDouble).t())
      .to(at::kInt);
}

class EveryPath : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    path_ = &testing::named(integer_paths(), GetParam());
    if (!path_->supported()) GTEST_SKIP() << "this processor lacks " << GetParam();
  }

  void expect_exact(const Codes& codes) {
    const IntegerWeight weight = codes.packed_from();
    if (!path_->exact(weight)) return;
    const auto matrix = path_->pack(weight);
    const std::int64_t columns = weight.out_features;
    EXPECT_TRUE(product(*matrix, codes.input, 0, columns).equal(reference(codes, 0, columns)))
        << codes.input.sizes() << " x " << codes.weight.sizes();
    if (columns < 3) return;
    EXPECT_TRUE(
        product(*matrix, codes.input, 1, columns - 2).equal(reference(codes, 1, columns - 2)))
        << "a range of columns, " << codes.input.sizes() << " x " << codes.weight.sizes();
  }

  const IntegerPath* path_ = nullptr;
};

TEST_P(EveryPath, GivesTheExactIntegersOfAnyShape) {
  for (const auto& [rows, depth, columns] : std::vector<std::tuple<int, int, int>>{{1, 1, 1},
                                                                                   {1, 768, 64},
                                                                                   {2, 3, 5},
                                                                                   {3, 4, 16},
                                                                                   {5, 7, 63},
                                                                                   {6, 64, 65},
                                                                                   {7, 65, 100},
                                                                                   {13, 130, 33},
                                                                                   {77, 192, 97},
                                                                                   {48, 31, 129}}) {
    for (const auto& [weight_limit, input_limit] : {std::pair{127, 127}, {63, 255}, {127, 255}}) {
      expect_exact(random_codes(rows, depth, columns, weight_limit, input_limit));
      expect_exact(extreme_codes(rows, depth, columns, weight_limit, input_limit));
    }
  }
}

TEST_P(EveryPath, GivesTheExactIntegersOfDeepSums) {
  expect_exact(extreme_codes(5, 5120, 70, 63, 255));
  expect_exact(random_codes(5, 5120, 70, 63, 255));
  expect_exact(random_codes(5, 5120, 70, 127, 127));
}

TEST_P(EveryPath, GivesTheExactIntegersOfManyRows) {
  const Codes codes = random_codes(10000, 12, 3, 127, 127);
  const IntegerWeight weight = codes.packed_from();
  if (!path_->exact(weight)) GTEST_SKIP() << "not for these codes";
  at::Tensor out = at::zeros({10000, 3}, at::kInt);
  std::int32_t* const values = out.mutable_data_ptr<std::int32_t>();
  path_->pack(weight)->multiply(codes.input.const_data_ptr<std::uint8_t>(), 10000, 12, 0, 3,
                                [&](const AccumulatorTile& tile) {
                                  for (std::int64_t r = 0; r < tile.rows; ++r) {
                                    for (std::int64_t c = 0; c < tile.columns; ++c) {
                                      values[(tile.row + r) * 3 + tile.column + c] =
                                          tile.values[r * tile.stride + c];
                                    }
                                  }
                                });
  EXPECT_TRUE(out.equal(reference(codes, 0, 3)));
}

INSTANTIATE_TEST_SUITE_P(IntegerPath, EveryPath,
                         ::testing::ValuesIn(testing::names_of(integer_paths())),
                         [](const auto& test) { return testing::identifier(test.param); });

TEST(IntegerPath, ThoseThatSaturateRefuseEightBitsOnBothSides) {
  const Codes codes = random_codes(1, 8, 8, 127, 255);
  for (const IntegerPath& path : integer_paths()) {
    const bool saturates = std::string(path.name) == "avx2" || std::string(path.name) == "avx512";
    if (saturates) {
      EXPECT_FALSE(path.exact(codes.packed_from())) << path.name;
    }
  }
}

TEST(IntegerPath, TheFastestIsSupportedAndExact) {
  for (const auto& [weight_limit, input_limit] : {std::pair{127, 127}, {63, 255}, {127, 255}}) {
    const Codes codes = random_codes(1, 96, 80, weight_limit, input_limit);
    const IntegerPath& path = fastest_integer_path(codes.packed_from());
    EXPECT_TRUE(path.supported());
    EXPECT_TRUE(path.exact(codes.packed_from()));
    EXPECT_EQ(&path, &fastest_integer_path(codes.packed_from())) << "the choice is kept";
  }
}

TEST(IntegerPath, AnUnknownNameIsAUsageErrorWithSuggestion) {
  try {
    find_integer_path("avx512-vnii", "--kernels");
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("avx512-vnni"));
    EXPECT_THAT(error.what(), HasSubstr("--kernels"));
  }
}

}  // namespace
}  // namespace clipq
