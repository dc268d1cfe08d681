#include "clipq/eval/feature_cache.h"

#include <gmock/gmock.h>

#include <thread>

#include "clipq/core/digested_file.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "temporary_folder.h"
#include "tensors.h"

namespace clipq {
namespace {

TEST(FeatureCache, ReturnsWhatWasStored) {
  const testing::TemporaryFolder folder;
  const FeatureCache cache(folder / "a" / "b");
  const at::Tensor features = testing::random_normal({5, 3}, 1);
  EXPECT_FALSE(cache.find("key"));
  cache.store("key", features.t());
  const auto found = cache.find("key");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->equal(features.t()));
  EXPECT_FALSE(cache.find("other"));
}

TEST(FeatureCache, ADamagedFileCountsAsMissing) {
  const testing::TemporaryFolder folder;
  const FeatureCache cache(folder.path());
  cache.store("key", testing::random_normal({5, 3}, 1));
  const std::string whole = read_file(folder / "key.features");
  std::string flipped = whole;
  flipped.back() ^= 1;
  const std::string last_byte = whole.substr(0, whole.size() - 1);
  for (const std::string& damaged : {flipped, last_byte, std::string("x"), std::string()}) {
    write_file(folder / "key.features", damaged);
    EXPECT_FALSE(cache.find("key"));
  }
  write_file(folder / "key.features", whole);
  EXPECT_TRUE(cache.find("key"));
}

TEST(FeatureCache, AHeaderThatContradictsTheFileIsDamage) {
  const testing::TemporaryFolder folder;
  const FeatureCache cache(folder.path());
  const std::string values(32, '\0');
  for (const char* header : {"4611686018427387904 4", "4611686018427387904 0", "-2 -4", "0 0",
                             "3 2", "8", "", "2 99999999999999999999"}) {
    write_digested(folder / "key.features", cat(header, "\n", values));
    EXPECT_FALSE(cache.find("key")) << header;
  }
  write_digested(folder / "key.features", cat("4611686018427387904 4\n"));
  EXPECT_FALSE(cache.find("key"));
  write_digested(folder / "key.features", cat("2 4\n", values));
  EXPECT_TRUE(cache.find("key"));
}

TEST(FeatureCache, TheLeastRecentlyUsedGoFirst) {
  const testing::TemporaryFolder folder;
  const FeatureCache cache(folder.path(), 3 * 200);
  const at::Tensor features = testing::random_normal({8, 4}, 1);  // 197 bytes a file
  const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  for (const char* key : {"a", "b", "c"}) {
    cache.store(key, features);
    wait();
  }
  EXPECT_TRUE(cache.find("a"));
  wait();
  cache.store("d", features);
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
  EXPECT_TRUE(cache.find("c"));
  EXPECT_TRUE(cache.find("d"));
}

TEST(FeatureCache, WithoutAFolderKeepsNothing) {
  const FeatureCache cache;
  cache.store("key", testing::random_normal({2, 2}, 1));
  EXPECT_FALSE(cache.find("key"));
}

TEST(FeatureCache, AFolderThatCannotBeMadeIsNoError) {
  const testing::TemporaryFolder folder;
  write_file(folder / "file", "x");
  const FeatureCache cache(folder / "file" / "below");
  cache.store("key", testing::random_normal({2, 2}, 1));
  EXPECT_FALSE(cache.find("key"));
}

}  // namespace
}  // namespace clipq
