#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/data/dataset.h"
#include "data/data_files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::place_image;

std::vector<std::string> names_of(const Dataset& data) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < data.size(); ++i) names.push_back(data.item_name(i));
  return names;
}

TEST(Folders, WhatSystemsLeaveIsPassedOver) {
  testing::TemporaryFolder folder;
  for (const char* name :
       {"cat/a.png", "cat/._a.png", "cat/deep/b.png", "cat/@eaDir/a.png/thumb.jpg",
        "cat/.ipynb_checkpoints/a-checkpoint.png", "__MACOSX/cat/._a.png", "@eaDir/x.jpg",
        ".hidden/x.png", "x.png", "._x.png"}) {
    place_image(folder / name);
  }
  const auto classes = open_dataset("imagefolder:" + folder.path().string());
  EXPECT_THAT(classes->class_keys(), ElementsAre("cat"));
  EXPECT_THAT(names_of(*classes), ElementsAre("cat/a.png", "cat/deep/b.png"));
  EXPECT_THAT(classes->warnings(), IsEmpty());
  EXPECT_THAT(names_of(*open_dataset("images:" + folder.path().string())), ElementsAre("x.png"));
}

TEST(Folders, AFolderLinkedIntoItselfIsReadOnce) {
  testing::TemporaryFolder folder;
  place_image(folder / "cat/a.png");
  place_image(folder / "elsewhere/b.png");
  std::filesystem::create_directories(folder / "classes");
  std::filesystem::rename(folder / "cat", folder / "classes/cat");
  std::filesystem::create_directory_symlink(folder / "classes/cat", folder / "classes/cat/again");
  std::filesystem::create_directory_symlink(folder / "classes", folder / "classes/cat/all");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folder / "classes/dog");
  EXPECT_THAT(names_of(*open_dataset("imagefolder:" + (folder / "classes").string())),
              ElementsAre("cat/a.png", "dog/b.png"));
}

TEST(Folders, AClassMayBeCalledLikeAPart) {
  testing::TemporaryFolder folder;
  for (const char* name : {"apple/a.png", "train/b.png", "test/c.png"}) {
    place_image(folder / name);
  }
  const std::string spec = "imagefolder:" + folder.path().string();
  EXPECT_THAT(open_dataset(spec)->class_keys(), ElementsAre("apple", "test", "train"));
  EXPECT_THAT(message_of<InputError>([&] { open_dataset(spec, {}, Split::kTrain); }),
              AllOf(HasSubstr("no training split"), HasSubstr("pass training data")));
  EXPECT_EQ(open_dataset(spec, {}, Split::kTrainOrAll)->size(), 3);
}

TEST(Folders, TildeIsTheHomeFolder) {
  testing::TemporaryFolder folder;
  place_image(folder / "data/a.png");
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  setenv("HOME", folder.path().c_str(), 1);
  EXPECT_EQ(open_dataset("images:~/data")->size(), 1);
  EXPECT_THAT(message_of<InputError>([&] { open_dataset("images:~/none"); }),
              HasSubstr((folder / "none").string()));
  setenv("HOME", home.c_str(), 1);
}

TEST(Folders, DataAreCalledAsTheirFileSays) {
  testing::TemporaryFolder folder;
  place_image(folder / "n01440764/a.png");
  const std::string spec = "imagefolder:" + folder.path().string();
  EXPECT_EQ(open_dataset(spec)->name(), "imagenet1k");
  write_file(folder / "clipq_dataset.json", "{\"name\": \"fishes\"}");
  const auto named = open_dataset(spec);
  EXPECT_EQ(named->name(), "fishes");
  EXPECT_EQ(named->layout(), "imagenet1k");
  write_file(folder / "clipq_dataset.json", "{\"nam\": \"fishes\"}");
  EXPECT_THAT(message_of<UsageError>([&] { open_dataset(spec); }),
              AllOf(HasSubstr("clipq_dataset.json"), HasSubstr("did you mean \"name\"")));
}

}  // namespace
}  // namespace clipq
