#include "clipq/eval/feature_rows.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include "temporary_folder.h"

namespace clipq {
namespace {

constexpr std::int64_t kRows = 400;
constexpr std::int64_t kWidth = 1000;
constexpr std::size_t kMostInMemory = 1'000'000;

/// Whether a file of this process is mapped from the folder.
bool is_mapped_from(const std::filesystem::path& folder) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(folder.string()) != std::string::npos) return true;
  }
  return false;
}

void expect_holds_values(at::Tensor rows) {
  rows.zero_();
  rows[kRows - 1].fill_(3);
  EXPECT_EQ(rows.sum().item<float>(), 3.0F * kWidth);
}

class FeatureRows : public ::testing::Test {
 protected:
  FeatureRows() {
    if (const char* own = std::getenv("TMPDIR")) own_ = own;
  }
  ~FeatureRows() override { own_ ? setenv("TMPDIR", own_->c_str(), 1) : unsetenv("TMPDIR"); }

  std::optional<std::string> own_;
  testing::TemporaryFolder folder_;
};

TEST_F(FeatureRows, LargeOnesLieInAFileThatIsGoneWithThem) {
  setenv("TMPDIR", folder_.path().c_str(), 1);
  {
    const at::Tensor rows = feature_rows(kRows, kWidth, kMostInMemory);
    EXPECT_TRUE(is_mapped_from(folder_.path()));
    expect_holds_values(rows);
  }
  EXPECT_FALSE(is_mapped_from(folder_.path()));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  const at::Tensor small = feature_rows(10, kWidth, kMostInMemory);
  EXPECT_FALSE(is_mapped_from(folder_.path()));
  EXPECT_EQ(small.sizes(), at::IntArrayRef({10, kWidth}));
}

TEST_F(FeatureRows, StayInMemoryWhereNoFileCanBe) {
  setenv("TMPDIR", (folder_.path() / "absent").c_str(), 1);
  const at::Tensor rows = feature_rows(kRows, kWidth, kMostInMemory);
  EXPECT_FALSE(is_mapped_from(folder_.path()));
  expect_holds_values(rows);
}

}  // namespace
}  // namespace clipq
