#include "clipq/eval/index_search.h"

#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include "clipq/core/error.h"

namespace clipq {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor rows_of(const std::vector<std::vector<double>>& rows) {
  std::vector<double> values;
  for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
  return at::tensor(values, at::kDouble).view({static_cast<std::int64_t>(rows.size()), -1});
}

const IndexFormat& format(const std::string& name) { return find_index_format(name, "test"); }

TEST(IndexSearch, RanksByProductAndThenByIndex) {
  const SearchData data = {rows_of({{0, 1}, {1, 0}, {0.6, 0.8}, {1, 1e-14}}), rows_of({{1, 0}})};
  const Found found = search(data, {format("float32")}, {{3}});
  EXPECT_THAT(found.first[0], ElementsAre(1, 3, 2, 0));
  EXPECT_THAT(found.rank, ElementsAre(1));
  EXPECT_TRUE(found.overlap.empty());
}

TEST(IndexSearch, RanksTheBestOfSeveralRightAnswers) {
  const SearchData data = {rows_of({{0, 1}, {1, 0}, {0.6, 0.8}}), rows_of({{1, 0}, {0, 1}})};
  const Found found = search(data, {format("float32")}, {{0, 2}, {1}});
  EXPECT_THAT(found.rank, ElementsAre(1, 2));
}

TEST(IndexSearch, ComparesTheFirstResultsWithAnotherSearchs) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 12; ++i) rows.push_back({1 - 0.01 * i, 0.01 * i});
  const SearchData data = {rows_of(rows), rows_of({{1, 0}})};
  const Found plain = search(data, {format("float32")}, {{0}});
  const Found same = search(data, {format("float32")}, {{0}}, &plain);
  EXPECT_THAT(same.overlap, ElementsAre(1));
  EXPECT_THAT(same.displacement, ElementsAre(0));
  // In the opposite order, rows 0 and 1 of the first ten are the last two of twelve.
  const Found opposite = search({data.rows, rows_of({{0, 1}})}, {format("float32")}, {{0}}, &plain);
  EXPECT_THAT(opposite.rank, ElementsAre(11));
  EXPECT_THAT(opposite.overlap, ElementsAre(DoubleEq(0.8)));
  // Place i becomes 11 - i: 11 + 9 + 7 + 5 + 3 + 1 + 1 + 3 + 5 + 7, over ten.
  EXPECT_THAT(opposite.displacement, ElementsAre(DoubleEq(5.2)));
}

TEST(IndexSearch, ComparesSignsByHammingDistance) {
  const SearchData data = {rows_of({{0.1, 0.9, -0.1}, {0.9, 0.1, 0.1}, {-0.5, -0.5, -0.5}}),
                           rows_of({{0.7, 0.1, -0.2}})};
  const Found found = search(data, {format("binary")}, {{1}});
  EXPECT_THAT(found.first[0], ElementsAre(0, 1, 2));  // distances 0, 1, 2
}

TEST(IndexSearch, RescoresTheFirstResultsOnly) {
  // By signs, row 0 is best; by products with the query itself, row 1 has the more of what counts.
  const at::Tensor queries = rows_of({{0.9, -0.1, 0.2, 0.05}});
  const at::Tensor rows = rows_of({{-0.1, -1, 1, 1}, {1, 1, 1, 1}, {-1, 1, -1, 1}, {1, 1, 1, -1}});
  const Found codes = search({rows, queries}, {format("binary")}, {{1}});
  EXPECT_THAT(codes.first[0], ElementsAre(0, 1, 3, 2));
  const Found rescored = search({rows, queries}, {format("binary"), 2}, {{1}});
  EXPECT_THAT(rescored.first[0], ElementsAre(1, 0));
  EXPECT_THAT(rescored.rank, ElementsAre(0));
  const Found beyond = search({rows, queries}, {format("binary"), 2}, {{3}});
  EXPECT_THAT(beyond.rank, ElementsAre(2));
  const Found plain = search({rows, queries}, {format("float32"), 2}, {{1}});
  EXPECT_THAT(plain.first[0], ElementsAre(1, 3, 0, 2));
}

TEST(IndexSearch, TakesInt8RangesFromTheRows) {
  // Beyond the rows' ranges, queries are clamped: both look the same to the codes.
  const at::Tensor rows = rows_of({{0.1, 0.2}, {0.2, 0.1}});
  const Found found =
      search({rows, rows_of({{0.3, 0.2}, {0.9, 0.2}})}, {format("int8")}, {{0}, {0}});
  EXPECT_EQ(found.first[0], found.first[1]);
  const SearchSides sides = format("int8").sides(rows, rows_of({{0.3, 0.0}}));
  EXPECT_THAT(
      (std::vector<double>{sides.queries[0][0].item<double>(), sides.queries[0][1].item<double>()}),
      ElementsAre(127, -128));
}

TEST(IndexSearch, TiesIdenticalRowsWhateverTheirScores) {
  at::Tensor rows = at::randn({40, 512}, at::kDouble);
  rows.narrow(0, 7, 30).copy_(rows.narrow(0, 3, 1).expand({30, 512}));
  rows = rows.div(rows.norm(2, 1, /*keepdim=*/true));
  const at::Tensor queries = rows.narrow(0, 3, 1).add(at::randn({1, 512}, at::kDouble).mul(1e-2));
  for (const IndexFormat& each : index_formats()) {
    const Found found = search({rows, queries.div(queries.norm())}, {each, 40}, {{36}});
    EXPECT_THAT(found.first[0], ElementsAre(3, 7, 8, 9, 10, 11, 12, 13, 14, 15)) << each.name;
    EXPECT_THAT(found.rank, ElementsAre(30)) << each.name;
  }
}

TEST(IndexSearch, SearchesFewerRowsThanItCompares) {
  const SearchData data = {rows_of({{1, 0}}), rows_of({{0, 1}, {1, 0}})};
  for (const IndexFormat& each : index_formats()) {
    const Found plain = search(data, {each, 20}, {{0}, {0}});
    EXPECT_THAT(search(data, {each, 20}, {{0}, {0}}, &plain).overlap, ElementsAre(1, 1));
    EXPECT_THAT(plain.rank, ElementsAre(0, 0));
  }
}

TEST(IndexSearch, StoresConstantDimensions) {
  const at::Tensor rows = rows_of({{0.5, 0.1}, {0.5, 0.9}});
  for (const IndexFormat& each : index_formats()) {
    const SearchSides sides = each.sides(rows, rows);
    EXPECT_TRUE(sides.rows.isfinite().all().item<bool>()) << each.name;
    EXPECT_TRUE(sides.queries.isfinite().all().item<bool>()) << each.name;
  }
}

TEST(IndexSearch, UnknownFormatsNameTheNearest) {
  try {
    find_index_format("int9", "index formats");
    FAIL() << "no UsageError";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("index formats: unknown index format \"int9\""));
    EXPECT_THAT(error.what(), HasSubstr("int8"));
  }
}

}  // namespace
}  // namespace clipq
