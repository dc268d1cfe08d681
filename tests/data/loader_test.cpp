#include "clipq/data/loader.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "data/data_files.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

constexpr Preprocess kPlain{2, {0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}};
constexpr std::size_t kItemFloats = 3 * 2 * 2;

/// Item i is a picture of the one value i; later items are often faster than earlier ones.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::int64_t size) : Dataset("numbers:"), size_(size) {}

  std::int64_t size() const override { return size_; }
  Image image_part(std::int64_t i, const NeededPixels& /*needed*/) const override {
    ++decoded;
    std::this_thread::sleep_for(std::chrono::microseconds(500 * (3 - i % 4)));
    if (i >= broken_from) throw InputError(cat("picture ", i, " is broken"));
    return {2, 2, std::vector<std::uint8_t>(kItemFloats, static_cast<std::uint8_t>(i))};
  }
  std::string item_name(std::int64_t i) const override { return cat(i); }
  std::string layout() const override { return "numbers"; }
  std::string image_hash(std::int64_t) const override { return ""; }

  std::int64_t broken_from = 1000;
  mutable std::atomic<int> decoded = 0;

 private:
  std::int64_t size_;
};

std::vector<std::int64_t> first_indices(std::int64_t count) {
  std::vector<std::int64_t> indices(count);
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

TEST(Loader, KeepsTheOrderOfTheIndices) {
  const Numbers numbers(200);
  std::vector<std::int64_t> indices = first_indices(103);
  std::reverse(indices.begin(), indices.end());
  for (const int threads : {0, 1, 4}) {
    Loader loader(numbers, indices, {kPlain}, {10, threads});
    PixelBatch batch;
    std::int64_t seen = 0;
    while (loader.next(batch)) {
      EXPECT_EQ(batch.first, seen);
      EXPECT_EQ(batch.count, std::min<std::int64_t>(10, 103 - seen));
      ASSERT_EQ(batch.pixels[0].size(), batch.count * kItemFloats);
      for (std::int64_t i = 0; i < batch.count; ++i) {
        const float expected = static_cast<float>(indices[seen + i]) / 255.0f;
        EXPECT_EQ(batch.pixels[0][i * kItemFloats], expected);
        EXPECT_EQ(batch.pixels[0][(i + 1) * kItemFloats - 1], expected);
      }
      seen += batch.count;
    }
    EXPECT_EQ(seen, 103);
    EXPECT_FALSE(loader.next(batch));
  }
}

TEST(Loader, NoIndicesGiveNoBatch) {
  const Numbers numbers(3);
  Loader loader(numbers, {}, {kPlain}, {4, 2});
  PixelBatch batch;
  EXPECT_FALSE(loader.next(batch));
}

TEST(Loader, RethrowsTheFirstFailureOfABatchWhenItsTurnComes) {
  Numbers numbers(100);
  numbers.broken_from = 13;
  Loader loader(numbers, first_indices(100), {kPlain}, {8, 4});
  PixelBatch batch;
  EXPECT_TRUE(loader.next(batch));
  EXPECT_THAT(message_of<InputError>([&] { loader.next(batch); }),
              HasSubstr("picture 13 is broken"));
  EXPECT_THAT(message_of<InputError>([&] { loader.next(batch); }),
              HasSubstr("picture 13 is broken"));
}

TEST(Loader, KeepsBadItemsWhereAsked) {
  Numbers numbers(20);
  numbers.broken_from = 13;
  Loader loader(numbers, first_indices(16), {kPlain}, {8, 4, /*keeps_bad=*/true});
  PixelBatch batch;
  ASSERT_TRUE(loader.next(batch));
  EXPECT_TRUE(batch.bad.empty());
  ASSERT_TRUE(loader.next(batch));
  ASSERT_EQ(batch.bad.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(batch.bad[i].position, static_cast<std::int64_t>(5 + i));
    EXPECT_EQ(batch.bad[i].reason, cat("picture ", 13 + i, " is broken"));
  }
  EXPECT_FLOAT_EQ(batch.pixels[0][4 * kItemFloats], 12 / 255.0f);
}

TEST(Loader, DecodesOnceForSeveralPreprocessings) {
  const Numbers numbers(9);
  const Preprocess larger{4, {0.5f, 0.5f, 0.5f}, {1.0f, 1.0f, 1.0f}};
  Loader loader(numbers, first_indices(9), {kPlain, larger}, {4, 2});
  PixelBatch batch;
  ASSERT_TRUE(loader.next(batch));
  ASSERT_EQ(batch.pixels.size(), 2U);
  EXPECT_EQ(batch.pixels[1].size(), 4 * 3 * 4 * 4U);
  EXPECT_FLOAT_EQ(batch.pixels[0][3 * kItemFloats], 3 / 255.0f);
  EXPECT_FLOAT_EQ(batch.pixels[1][3 * 3 * 4 * 4], 3 / 255.0f - 0.5f);
  while (loader.next(batch)) {
  }
  EXPECT_EQ(numbers.decoded, 9);
}

/// Waits until `count` items are decoded and the workers have had time to decode more.
void wait_for_decoded(const Numbers& numbers, int count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (numbers.decoded < count && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
}

TEST(Loader, DecodesOnlyTwoBatchesAhead) {
  const Numbers numbers(100);
  Loader loader(numbers, first_indices(100), {kPlain}, {5, 4});
  wait_for_decoded(numbers, 10);
  EXPECT_EQ(numbers.decoded, 10);
  PixelBatch batch;
  ASSERT_TRUE(loader.next(batch));
  wait_for_decoded(numbers, 15);
  EXPECT_EQ(numbers.decoded, 15);
}

TEST(Loader, CanBeDestroyedAtAnyTime) {
  const Numbers numbers(1000);
  for (int taken = 0; taken < 4; ++taken) {
    Loader loader(numbers, first_indices(1000), {kPlain}, {4, 3});
    PixelBatch batch;
    for (int i = 0; i < taken; ++i) ASSERT_TRUE(loader.next(batch));
  }
  EXPECT_LT(numbers.decoded, 100);
}

}  // namespace
}  // namespace clipq
