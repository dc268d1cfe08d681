#include "clipq/bench/end_to_end.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <fstream>

#include "clipq/bench/memory_bandwidth.h"
#include "clipq/core/error.h"
#include "temporary_folder.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

constexpr int kImages = 7;

/// A folder of small pictures, and a model that embeds them.
struct Bench {
  Bench() {
    model = testing::tiny_clip();
    model.preprocess.size = 16;
    for (int i = 0; i < kImages; ++i) {
      std::ofstream file(folder / ("picture" + std::to_string(i) + ".ppm"), std::ios::binary);
      file << "P6 20 18 255\n" << std::string(std::size_t{20} * 18 * 3, static_cast<char>(40 + i));
    }
  }

  std::vector<EndToEnd> run(std::int64_t batch_size) const {
    const auto dataset = open_dataset("images:" + folder.path().string());
    EndToEndOptions options = {batch_size, kImages, 1, {}};
    options.repeats.min_repeats = options.repeats.max_repeats = 3;
    const EvaluatedModel evaluated = {&model, nullptr, "tiny", "", nullptr, "tiny.pt"};
    return measure_end_to_end({evaluated, evaluated}, *dataset, options);
  }

  testing::TemporaryFolder folder;
  ClipModel model;
};

TEST(EndToEnd, FiguresFollowFromEachOther) {
  const Bench bench;
  for (const std::int64_t batch_size : {1, 3, 100}) {
    const std::vector<EndToEnd> models = bench.run(batch_size);
    ASSERT_EQ(models.size(), 2u);
    for (const EndToEnd& measured : models) {
      EXPECT_EQ(measured.images, kImages);
      EXPECT_EQ(measured.whole.repeats, 3);
      EXPECT_GT(measured.decode_share, 0);
      EXPECT_LT(measured.decode_share, 1);
      EXPECT_DOUBLE_EQ(measured.images_per_second(), 1000 * kImages / measured.whole.median_ms);
      const Json json = to_json(measured);
      double shares = 0;
      double core_ms = 0;
      for (const Json& stage : json["stages"]) {
        shares += stage["share"].get<double>();
        core_ms += stage["core_ms_per_image"].get<double>();
      }
      EXPECT_NEAR(shares, 1, 1e-9);
      EXPECT_EQ(measured.threads, at::get_num_threads());
      EXPECT_NEAR(core_ms,
                  measured.threads * 1000 / json["possible_images_per_second"].get<double>(), 1e-9);
    }
  }
}

TEST(EndToEnd, NamesAnImageThatCannotBeDecoded) {
  const Bench bench;
  std::ofstream(bench.folder / "damaged.png") << "\x89PNG\r\n\x1a\n";
  try {
    bench.run(2);
    ADD_FAILURE();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("damaged.png"));
  }
}

TEST(EndToEnd, NeedsAnImageTower) {
  Bench bench;
  bench.model.image = {};
  EXPECT_THROW(bench.run(2), UsageError);
}

TEST(MemoryBandwidth, IsMeasured) {
  const MemoryBandwidth bandwidth = measure_memory_bandwidth();
  EXPECT_GT(bandwidth.gigabytes_per_second, 0.1);
  EXPECT_LT(bandwidth.gigabytes_per_second, 10000);
  EXPECT_GE(bandwidth.buffer_bytes, 256 << 20);
}

}  // namespace
}  // namespace clipq
