#include "clipq/library/quantize_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "clipq/core/error.h"
#include "clipq/library/open_model.h"
#include "memory_images.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(QuantizeCheckpoint, WritesASmallerModelWithNearlyTheSameEmbeddings) {
  const testing::TemporaryFolder folder;
  const QuantizedFile written = quantize_checkpoint(CLIPQ_DEMO_CHECKPOINT, folder / "a.pt");
  EXPECT_EQ(written.bytes, std::filesystem::file_size(folder / "a.pt"));
  EXPECT_LT(written.bytes, 0.5 * written.float32_bytes);
  const std::vector<Image> images = testing::images(4);
  const Embeddings exact = normalized(Embedder(CLIPQ_DEMO_CHECKPOINT).embed_images(images));
  const Embeddings quantized = normalized(Embedder(folder / "a.pt").embed_images(images));
  for (std::int64_t i = 0; i < exact.count; ++i) {
    const auto row = exact.row(i);
    const float cosine = std::inner_product(row.begin(), row.end(), quantized.row(i).begin(), 0.0F);
    EXPECT_GT(cosine, 0.99F);
    EXPECT_LT(cosine, 1.0F - 1e-7F);
  }
}

TEST(QuantizeCheckpoint, RecordsWhatItWasCalibratedOn) {
  const testing::TemporaryFolder folder;
  const std::vector<CalibrationItem> items = testing::calibration_items(5);
  quantize_checkpoint(CLIPQ_DEMO_CHECKPOINT, folder / "a.pt",
                      {.recipe = "int8-static", .calibration = items});
  const OpenedModel opened = open_model(folder / "a.pt", {});
  ASSERT_TRUE(opened.quantization && opened.quantization->calibration);
  const CalibrationProvenance& calibration = *opened.quantization->calibration;
  EXPECT_EQ(calibration.used_for, CalibrationUse::kCalibration);
  EXPECT_EQ(calibration.images, 5);
  EXPECT_EQ(calibration.captions, 10);
  EXPECT_EQ(calibration.image_hashes.size(), 5 * 16);
}

TEST(QuantizeCheckpoint, OtherPixelsAreOtherData) {
  const testing::TemporaryFolder folder;
  std::vector<CalibrationItem> items = testing::calibration_items(2);
  const auto digest = [&] {
    quantize_checkpoint(CLIPQ_DEMO_CHECKPOINT, folder / "a.pt", {.calibration = items});
    return open_model(folder / "a.pt", {}).quantization->calibration->sha256;
  };
  const std::string before = digest();
  EXPECT_EQ(digest(), before);
  items[1].image.rgb[0] ^= 1;
  EXPECT_NE(digest(), before);
}

TEST(QuantizeCheckpoint, ErrorsSayWhatToDoAndLeaveNoFile) {
  const testing::TemporaryFolder folder;
  const auto output = folder / "a.pt";
  const auto quantize = [&](QuantizeCheckpointOptions options) {
    quantize_checkpoint(CLIPQ_DEMO_CHECKPOINT, output, options);
  };
  EXPECT_THAT([&] { quantize({.recipe = "int8-sttic"}); },
              ThrowsMessage<UsageError>(HasSubstr("int8-static")));
  EXPECT_THAT(
      [&] { quantize({.recipe = "int8-static"}); },
      ThrowsMessage<UsageError>(AllOf(HasSubstr("needs calibration data"), Not(HasSubstr("--")))));
  EXPECT_THROW(quantize({.component = "images"}), UsageError);
  std::vector<CalibrationItem> items = testing::calibration_items(2);
  items[1].image.height = 0;
  EXPECT_THAT([&] { quantize({.recipe = "int8-static", .calibration = items}); },
              ThrowsMessage<UsageError>(HasSubstr("image 1")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  quantize({});
  EXPECT_THAT([&] { quantize_checkpoint(output, folder / "b.pt"); },
              ThrowsMessage<InputError>(HasSubstr("already quantized")));
  EXPECT_THAT([&] { quantize_checkpoint(output, output); },
              ThrowsMessage<UsageError>(HasSubstr("itself")));
}

}  // namespace
}  // namespace clipq
