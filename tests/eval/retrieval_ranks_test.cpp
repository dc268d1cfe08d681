#include "clipq/eval/retrieval_ranks.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

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

/// More queries than a block, against a plain count.
TEST(RetrievalRanks, BlocksDontMatter) {
  const at::Tensor images = testing::random_normal({530, 8}, 1);
  const at::Tensor texts = testing::random_normal({1100, 8}, 2);
  std::vector<std::int64_t> image_of;
  for (std::int64_t i = 0; i < 1100; ++i) image_of.push_back(i * 530 / 1100);
  const RetrievalRanks ranks = retrieval_ranks(images, texts, image_of);
  const at::Tensor cosines =
      normalize_rows(texts.to(at::kDouble)).matmul(normalize_rows(images.to(at::kDouble)).t());
  for (const std::int64_t text : {0, 511, 512, 1099}) {
    const at::Tensor row = cosines[text];
    EXPECT_EQ(ranks.image_of_text[text], row.gt(row[image_of[text]]).sum().item<std::int64_t>());
  }
  for (const std::int64_t image : {0, 511, 512, 529}) {
    const at::Tensor column = cosines.select(1, image);
    double best = -2;
    for (std::int64_t i = 0; i < 1100; ++i) {
      if (image_of[i] == image) best = std::max(best, column[i].item<double>());
    }
    EXPECT_EQ(ranks.text_of_image[image], column.gt(best).sum().item<std::int64_t>());
  }
}

TEST(RetrievalRanks, RefuseWhatIsNotFinite) {
  const at::Tensor images = at::tensor({1.0f, std::nanf("")}).view({1, 2});
  const at::Tensor texts = at::tensor({1.0f, 0.0f}).view({1, 2});
  EXPECT_THROW(retrieval_ranks(images, texts, {0}), InputError);
}

}  // namespace
}  // namespace clipq
