#include "clipq/core/zip_archive.h"

#include <gmock/gmock.h>
#include <zip.h>

#include <fstream>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::filesystem::path write_zip(const TemporaryFolder& folder, zip_int32_t method) {
  const auto file = folder.path() / "some.zip";
  zip_t* zip = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  static const std::string content = "a record that repeats, repeats, repeats, repeats itself";
  for (const char* name : {"one", "folder/two"}) {
    zip_source_t* source = zip_source_buffer(zip, content.data(), content.size(), 0);
    const zip_int64_t index = zip_file_add(zip, name, source, ZIP_FL_OVERWRITE);
    zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), method, 0);
  }
  EXPECT_EQ(zip_close(zip), 0);
  return file;
}

class EveryMethod : public ::testing::TestWithParam<zip_int32_t> {};

TEST_P(EveryMethod, ReadsRecords) {
  const TemporaryFolder folder;
  const ZipArchive zip(write_zip(folder, GetParam()));
  EXPECT_THAT(zip.names(), ElementsAre("one", "folder/two"));
  EXPECT_TRUE(zip.contains("folder/two"));
  EXPECT_EQ(zip.read("folder/two"), "a record that repeats, repeats, repeats, repeats itself");
  EXPECT_THROW(zip.read("three"), InputError);
}

TEST_P(EveryMethod, EveryFlippedByteIsFoundOrHarmless) {
  const TemporaryFolder folder;
  const auto file = write_zip(folder, GetParam());
  const std::string good = read_file(file);
  const std::string content = ZipArchive(file).read("one");
  int found = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    std::ofstream(file, std::ios::binary) << bad;
    try {
      const ZipArchive zip(file);
      for (const std::string& name : zip.names()) EXPECT_EQ(zip.read(name), content) << at;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("again"));
      ++found;
    }
  }
  EXPECT_GT(found, 60);
}

INSTANTIATE_TEST_SUITE_P(Zip, EveryMethod, ::testing::Values(ZIP_CM_STORE, ZIP_CM_DEFLATE));

TEST(ZipArchive, RefusesWhatIsNoZip) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "text") << "PK but nothing more";
  EXPECT_THROW(ZipArchive(folder.path() / "text"), InputError);
  EXPECT_THROW(ZipArchive(folder.path() / "missing"), InputError);
}

}  // namespace
}  // namespace clipq
