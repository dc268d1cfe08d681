#include "clipq/data/demo_data.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/sha256.h"
#include "clipq/core/text_file.h"
#include "clipq/data/dataset.h"
#include "data/data_files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Each file's digest by its path below `folder`.
std::map<std::string, std::string> digests(const std::filesystem::path& folder) {
  std::map<std::string, std::string> result;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    result[entry.path().lexically_relative(folder).string()] = sha256_of_file(entry.path());
  }
  return result;
}

TEST(DemoData, TheSeedDecidesEverything) {
  testing::TemporaryFolder first;
  testing::TemporaryFolder second;
  testing::TemporaryFolder other;
  draw_demo_data(first.path(), 5, 1);
  draw_demo_data(second.path(), 5, 1);
  draw_demo_data(other.path(), 6, 1);
  EXPECT_EQ(digests(first.path()), digests(second.path()));
  EXPECT_NE(sha256_of_file(first / "cifar-100-binary/test.bin"),
            sha256_of_file(other / "cifar-100-binary/test.bin"));
}

TEST(DemoData, HardDrawingsAreOtherPicturesOfTheSameScenes) {
  testing::TemporaryFolder plain;
  testing::TemporaryFolder hard;
  draw_demo_data(plain.path(), 5, 1);
  draw_demo_data(hard.path(), 5, 1, DemoDifficulty::kHard);
  const auto open = [](const testing::TemporaryFolder& folder) {
    return open_dataset("cifar100:" + (folder / "cifar-100-binary").string());
  };
  EXPECT_EQ(open(plain)->size(), open(hard)->size());
  EXPECT_EQ(open(plain)->label(7), open(hard)->label(7));
  EXPECT_NE(open(plain)->image_hash(7), open(hard)->image_hash(7));
}

TEST(DemoData, OpensInEveryLayout) {
  testing::TemporaryFolder folder;
  draw_demo_data(folder.path() / "new/demo", 1, 2);
  const std::filesystem::path root = folder.path() / "new/demo";

  const auto cifar = open_dataset("cifar100:" + (root / "cifar-100-binary").string());
  ASSERT_EQ(cifar->size(), 200);
  EXPECT_EQ(cifar->label(101), 1);
  EXPECT_EQ(cifar->name(), "clipq_shapes");
  EXPECT_EQ(cifar->layout(), "cifar100");
  EXPECT_EQ(cifar->class_keys()[0], "large_blue_circle");
  EXPECT_THAT(read_lines(root / "cifar-100-binary/coarse_label_names.txt"), SizeIs(20));

  const auto folders = open_dataset("imagefolder:" + (root / "imagefolder").string());
  ASSERT_EQ(folders->size(), 100);
  EXPECT_EQ(folders->class_keys(), cifar->class_keys());
  EXPECT_EQ(folders->name(), "clipq_shapes");
  EXPECT_EQ(folders->image(3).width, 96);

  const auto coco =
      open_dataset("coco:" + (root / "coco/val").string(), root / "coco/captions.json");
  ASSERT_EQ(coco->size(), 20);
  EXPECT_THAT(coco->captions(0), SizeIs(5));
  EXPECT_EQ(coco->name(), "clipq_shapes");
  EXPECT_EQ(coco->image(0).height, 96);
  EXPECT_EQ(coco->image(0).width, 128);
}

TEST(DemoData, NamesAreInLabelOrderAndTemplatesHaveThePlaceholder) {
  testing::TemporaryFolder folder;
  draw_demo_data(folder.path(), 1, 1);
  const auto names = read_json(folder / "classnames.json").get<std::vector<std::string>>();
  const auto keys =
      open_dataset("cifar100:" + (folder / "cifar-100-binary").string())->class_keys();
  ASSERT_THAT(names, SizeIs(100));
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names, Contains("small red circle"));
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string key = names[i];
    std::replace(key.begin(), key.end(), ' ', '_');
    EXPECT_EQ(keys[i], key);
  }
  for (const Json& text : read_json(folder / "templates.json")) {
    EXPECT_THAT(text.get<std::string>(), HasSubstr("{c}"));
  }
}

TEST(DemoData, NeedsAtLeastOneImageAClassAndAFolderItCanMake) {
  testing::TemporaryFolder folder;
  EXPECT_THROW(draw_demo_data(folder.path(), 1, 0), UsageError);
  write_file(folder / "file", "");
  EXPECT_THROW(draw_demo_data(folder / "file", 1, 1), InputError);
}

}  // namespace
}  // namespace clipq
