#include "clipq/library/embedder.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <thread>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/library/open_model.h"
#include "clipq/library/quantize_checkpoint.h"
#include "memory_images.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::vector<std::string> kTexts = {"a red circle", "two blue squares on green", "", "a dog",
                                         "a red circle"};

/// The embeddings of `opened`, without the library's own code.
Embeddings direct(const OpenedModel& opened, const std::vector<Image>& images) {
  const Preprocess& wanted = opened.model.preprocess;
  const auto count = static_cast<std::int64_t>(images.size());
  const at::Tensor pixels = at::empty({count, 3, wanted.size, wanted.size});
  for (std::int64_t i = 0; i < count; ++i) {
    preprocess(images[i], wanted, pixels[i].data_ptr<float>());
  }
  const at::Tensor rows = opened.model.encode_image(pixels).contiguous();
  const auto* values = rows.const_data_ptr<float>();
  return {rows.size(0), rows.size(1), {values, values + rows.numel()}};
}

/// A 24-bit BMP, which needs no library to write.
std::string bmp_of(const Image& image) {
  const std::uint32_t stride = (3U * image.width + 3) / 4 * 4;
  const std::uint32_t bytes = 54 + stride * image.height;
  std::string file(bytes, '\0');
  const auto put = [&file](std::size_t at, std::uint32_t value) {
    std::memcpy(file.data() + at, &value, sizeof value);
  };
  file[0] = 'B';
  file[1] = 'M';
  put(2, bytes);
  put(10, 54);
  put(14, 40);
  put(18, image.width);
  put(22, image.height);
  put(26, 1U | 24U << 16);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        file[54 + std::size_t(image.height - 1 - y) * stride + 3 * x + (2 - c)] =
            static_cast<char>(image.rgb[3 * (std::size_t(y) * image.width + x) + c]);
      }
    }
  }
  return file;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Every kind of model: float, on integer kernels, partly on them, simulated.
class EmbedderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    const std::vector<CalibrationItem> items = testing::calibration_items(12);
    for (const std::string recipe : {"int8-dynamic", "int8-static", "fp8-max"}) {
      quantize_checkpoint(CLIPQ_DEMO_CHECKPOINT, *folder_ / (recipe + ".pt"),
                          {.recipe = recipe, .calibration = items});
    }
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static std::vector<std::filesystem::path> models() {
    return {CLIPQ_DEMO_CHECKPOINT, *folder_ / "int8-dynamic.pt", *folder_ / "int8-static.pt",
            *folder_ / "fp8-max.pt"};
  }

  static testing::TemporaryFolder* folder_;
};

testing::TemporaryFolder* EmbedderTest::folder_ = nullptr;

TEST_F(EmbedderTest, EmbedsAsTheModelDoes) {
  const std::vector<Image> images = testing::images(5);
  for (const auto& file : models()) {
    const OpenedModel opened = open_model(file, {});
    const Embedder embedder(file);
    EXPECT_EQ(embedder.embed_images(images).values, direct(opened, images).values) << file;
    EXPECT_EQ(embedder.quantized(), file != CLIPQ_DEMO_CHECKPOINT);
    EXPECT_EQ(embedder.sha256(), opened.info.sha256);
    const Embeddings texts = embedder.embed_texts(kTexts);
    EXPECT_EQ(texts.count, 5);
    EXPECT_EQ(texts.embed_dim, embedder.embed_dim());
    const at::Tensor expected =
        opened.model.encode_text(tokens_of(kTexts, opened.tokenizer, opened.model.text->config()));
    for (std::int64_t i = 0; i < texts.count; ++i) {
      for (std::int64_t j = 0; j < texts.embed_dim; ++j) {
        EXPECT_NEAR(texts.row(i)[j], expected[i][j].item<float>(), 2e-2) << file;
      }
    }
  }
}

TEST_F(EmbedderTest, ATowerAloneGivesTheSame) {
  for (const auto& file : models()) {
    const OpenedModel both = open_model(file, {});
    for (const Tower tower : {Tower::kImage, Tower::kText}) {
      const OpenedModel one = open_model(file, {.tower = tower});
      EXPECT_EQ(one.model.towers(), std::vector{tower}) << file;
      EXPECT_EQ(one.info.parts, both.info.parts) << file;
      const at::Tensor pixels = at::ones(
          {2, 3, both.model.image->config().resolution, both.model.image->config().resolution});
      const at::Tensor input = tower == Tower::kImage
                                   ? pixels
                                   : tokens_of(kTexts, both.tokenizer, both.model.text->config());
      EXPECT_TRUE(one.model.encode(tower, input).equal(both.model.encode(tower, input))) << file;
    }
  }
}

TEST_F(EmbedderTest, MoreThanABatchOfLongTexts) {
  const Embedder embedder(CLIPQ_DEMO_CHECKPOINT);
  std::vector<std::string> texts;
  for (int i = 0; i < 70; ++i) texts.push_back(std::string(3 * i, 'a') + " circle");
  const Embeddings together = embedder.embed_texts(texts);
  ASSERT_EQ(together.count, 70);
  for (const int i : {0, 63, 64, 69}) {
    const Embeddings alone = embedder.embed_texts(std::span(texts).subspan(i, 1));
    for (std::int64_t j = 0; j < together.embed_dim; ++j) {
      EXPECT_NEAR(together.row(i)[j], alone.row(0)[j], 1e-4);
    }
  }
}

TEST_F(EmbedderTest, SeveralThreadsGetTheBitsOfOne) {
  const std::vector<Image> images = testing::images(5);
  for (const auto& file : models()) {
    const Embedder embedder(file);
    const std::vector<float> expected_images = embedder.embed_images(images).values;
    const std::vector<float> expected_texts = embedder.embed_texts(kTexts).values;
    std::vector<std::thread> threads;
    std::atomic<int> same = 0;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, copy = embedder] {
        for (int round = 0; round < 5; ++round) {
          same += copy.embed_images(images).values == expected_images &&
                  copy.embed_texts(kTexts).values == expected_texts;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(same, 20) << file;
  }
}

TEST_F(EmbedderTest, SeveralThreadsOpenAndQuantize) {
  const std::vector<CalibrationItem> items = testing::calibration_items(6);
  std::vector<std::string> written(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      const auto file = *folder_ / ("thread" + std::to_string(t) + ".pt");
      quantize_checkpoint(
          CLIPQ_DEMO_CHECKPOINT, file,
          {.recipe = "int8-static", .calibration = items, .open = {.parity = ParityMode::kSkip}});
      written[t] = read_file(file);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(written[0].empty());
  EXPECT_EQ(written[0], written[1]);
}

TEST_F(EmbedderTest, EncodedImagesAreDecodedFirst) {
  const std::vector<Image> images = testing::images(3);
  std::vector<std::string> files;
  for (const Image& image : images) files.push_back(bmp_of(image));
  std::vector<EncodedImage> encoded;
  for (const std::string& file : files) encoded.push_back({.bytes = bytes_of(file)});
  const Embedder embedder(CLIPQ_DEMO_CHECKPOINT);
  EXPECT_EQ(embedder.embed_images(encoded).values, embedder.embed_images(images).values);
}

TEST_F(EmbedderTest, NothingGivesNoRows) {
  const Embedder embedder(CLIPQ_DEMO_CHECKPOINT);
  EXPECT_EQ(embedder.embed_images(std::vector<Image>{}).count, 0);
  const Embeddings texts = embedder.embed_texts({});
  EXPECT_EQ(texts.count, 0);
  EXPECT_EQ(texts.embed_dim, embedder.embed_dim());
}

TEST_F(EmbedderTest, ErrorsNameTheImage) {
  const Embedder embedder(CLIPQ_DEMO_CHECKPOINT);
  std::vector<Image> images = testing::images(2);
  images[1].rgb.pop_back();
  EXPECT_THAT([&] { embedder.embed_images(images); },
              ThrowsMessage<UsageError>(AllOf(HasSubstr("image 1"), HasSubstr("expected"))));
  const std::string garbage = "no image";
  const std::vector<EncodedImage> encoded = {{.bytes = bytes_of(garbage), .name = "upload 7"}};
  EXPECT_THAT([&] { embedder.embed_images(encoded); },
              ThrowsMessage<InputError>(HasSubstr("upload 7")));
}

TEST_F(EmbedderTest, ErrorsOfFilesAndOptions) {
  EXPECT_THAT([] { Embedder("missing.pt"); }, ThrowsMessage<InputError>(HasSubstr("missing.pt")));
  std::ofstream(*folder_ / "text.pt") << "no archive";
  EXPECT_THROW(Embedder(*folder_ / "text.pt"), InputError);
  EXPECT_THAT([] { Embedder(CLIPQ_DEMO_CHECKPOINT, {.text_heads = 0}); },
              ThrowsMessage<UsageError>(HasSubstr("text_heads")));
  EXPECT_THAT([] { Embedder(CLIPQ_DEMO_CHECKPOINT, {.image_activation = "relu"}); },
              ThrowsMessage<UsageError>(HasSubstr("relu")));
  EXPECT_THROW(set_compute_threads(0), UsageError);
}

TEST_F(EmbedderTest, RowsAreScaledToLengthOne) {
  const Embeddings rows = normalized({2, 2, {3, 4, 0, 0}});
  EXPECT_THAT(rows.values, ::testing::Pointwise(::testing::FloatEq(), {0.6F, 0.8F, 0.0F, 0.0F}));
}

sighandler_t handler_of(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

TEST_F(EmbedderTest, TheHostsSettingsStayItsOwn) {
  constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGXFSZ, SIGPIPE, SIGCHLD};
  std::vector<sighandler_t> before;
  for (const int signal : kSignals) before.push_back(handler_of(signal));
  cv::setNumThreads(3);
  const auto level = cv::utils::logging::getLogLevel();
  std::vector<std::string> messages;
  log::set_sink([&](log::Severity, const std::string& message) { messages.push_back(message); });
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  const std::string file = bmp_of(testing::images(1)[0]);
  Embedder(CLIPQ_DEMO_CHECKPOINT).embed_texts(kTexts);
  Embedder(*folder_ / "int8-dynamic.pt")
      .embed_images(std::vector<EncodedImage>{{.bytes = bytes_of(file)}});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  log::set_sink({});
  EXPECT_THAT(messages, ::testing::Contains(HasSubstr("kernels: ")));
  EXPECT_EQ(cv::getNumThreads(), 3);
  EXPECT_EQ(cv::utils::logging::getLogLevel(), level);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    EXPECT_EQ(handler_of(kSignals[i]), before[i]) << strsignal(kSignals[i]);
  }
}

TEST_F(EmbedderTest, AHostMayIgnoreTheEndOfItsChildren) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(Embedder(CLIPQ_DEMO_CHECKPOINT).unchecked(), "");
  std::signal(SIGCHLD, before);
}

}  // namespace
}  // namespace clipq
