#include "clipq/eval/retrieval_ranks.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>
#include <tuple>

#include "clipq/core/error.h"
#include "clipq/model/clip_model.h"
#include "tensors.h"

namespace clipq {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(RetrievalRanks, CountByHand) {
  const at::Tensor images = at::tensor({1.0f, 0.0f, 0.0f, 1.0f}).view({2, 2});
  const at::Tensor texts = at::tensor({0.9f, 0.1f, 0.2f, 0.8f, 0.1f, 0.9f}).view({3, 2});
  const RetrievalRanks ranks = retrieval_ranks(images, texts, {0, 0, 1});
  EXPECT_THAT(ranks.image_of_text, ElementsAre(0, 1, 0));
  EXPECT_THAT(ranks.text_of_image, ElementsAre(0, 0));
}

TEST(RetrievalRanks, EqualRowsRankByIndexWhereverTheyStand) {
  const at::Tensor one = testing::random_normal({1, 37}, 3);
  const at::Tensor images = one.expand({600, 37});
  std::vector<std::int64_t> image_of;
  for (std::int64_t i = 0; i < 600; ++i) image_of.push_back(i);
  const RetrievalRanks ranks = retrieval_ranks(images, images.mul(2), image_of);
  for (std::int64_t i = 0; i < 600; ++i) {
    EXPECT_EQ(ranks.image_of_text[i], i);
    EXPECT_EQ(ranks.text_of_image[i], i);
  }
}

/// Against a plain count in float64.
void expect_plain_ranks(const at::Tensor& images, const at::Tensor& texts) {
  std::vector<std::int64_t> image_of;
  for (std::int64_t i = 0; i < texts.size(0); ++i) {
    image_of.push_back(i * images.size(0) / texts.size(0));
  }
  const RetrievalRanks ranks = retrieval_ranks(images, texts, image_of);
  const at::Tensor cosines =
      normalize_rows(texts.to(at::kDouble)).matmul(normalize_rows(images.to(at::kDouble)).t());
  const at::Tensor own = at::tensor(image_of);
  const at::Tensor of_own = cosines.gather(1, own.unsqueeze(1));
  EXPECT_TRUE(cosines.gt(of_own).sum(1).equal(at::tensor(ranks.image_of_text)));
  const at::Tensor strangers = own.unsqueeze(1).ne(at::arange(images.size(0)));
  const at::Tensor best = std::get<0>(cosines.masked_fill(strangers, -2).max(0, true));
  EXPECT_TRUE(cosines.gt(best).sum(0).equal(at::tensor(ranks.text_of_image)));
}

TEST(RetrievalRanks, BlocksDontMatter) {
  expect_plain_ranks(testing::random_normal({2300, 24}, 1), testing::random_normal({2500, 24}, 2));
}

/// Most cosines differ by less than the rounding of a float32 product may be.
TEST(RetrievalRanks, CloseEmbeddingsAreToldApart) {
  const at::Tensor one = testing::random_normal({1, 40}, 3);
  const at::Tensor images = one.add(testing::random_normal({300, 40}, 4), 3e-3);
  expect_plain_ranks(images, one.add(testing::random_normal({900, 40}, 5), 3e-3));
  // A few among others.
  const at::Tensor others = testing::random_normal({2000, 40}, 6);
  expect_plain_ranks(at::cat({images.narrow(0, 0, 20), others}),
                     at::cat({others, images.narrow(0, 20, 20)}));
}

TEST(RetrievalRanks, RefuseWhatIsNotFinite) {
  const at::Tensor images = at::tensor({1.0f, std::nanf("")}).view({1, 2});
  const at::Tensor texts = at::tensor({1.0f, 0.0f}).view({1, 2});
  EXPECT_THROW(retrieval_ranks(images, texts, {0}), InputError);
}

}  // namespace
}  // namespace clipq
