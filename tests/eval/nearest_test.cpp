#include "clipq/eval/nearest.h"

#include <ATen/ops/cat.h>
#include <gmock/gmock.h>

#include "tensors.h"

namespace clipq {
namespace {

TEST(Nearest, IsTheLargestCosineWhateverTheLengths) {
  const at::Tensor candidates = testing::random_normal({40, 8}, 1);
  const at::Tensor queries = testing::random_normal({700, 8}, 2);  // more than a block
  const std::vector<std::int64_t> found = nearest(queries.mul(3), candidates.mul(0.5));
  ASSERT_EQ(found.size(), 700U);
  for (std::int64_t i = 0; i < 700; ++i) {
    double best = -2;
    std::int64_t place = -1;
    for (std::int64_t j = 0; j < 40; ++j) {
      const at::Tensor a = queries[i].to(at::kDouble);
      const at::Tensor b = candidates[j].to(at::kDouble);
      const double cosine =
          a.dot(b).item<double>() / (a.norm().item<double>() * b.norm().item<double>());
      if (cosine <= best) continue;
      best = cosine;
      place = j;
    }
    EXPECT_EQ(found[static_cast<std::size_t>(i)], place);
  }
}

TEST(Nearest, OfTheSameCandidatesTheFirst) {
  const at::Tensor candidates = testing::random_normal({5, 16}, 3);
  const at::Tensor twice = at::cat({candidates, candidates.mul(2), candidates});
  EXPECT_THAT(nearest(candidates, twice), ::testing::ElementsAre(0, 1, 2, 3, 4));
}

}  // namespace
}  // namespace clipq
