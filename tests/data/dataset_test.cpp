#include "clipq/data/dataset.h"
#include "clipq/data/content_hash.h"

#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "data/data_files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::golden_image;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::Not;
using testing::place_image;
using ::testing::SizeIs;

/// `count` records; record i has class (first + i) and the sample value i everywhere but in its
/// first sample of each plane, which are 10, 20 and 30.
std::string cifar_records(int count, std::size_t label_bytes, int first = 0) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    std::string record(label_bytes + 3072, static_cast<char>(i));
    record[label_bytes - 1] = static_cast<char>(first + i);
    for (std::size_t plane = 0; plane < 3; ++plane) {
      record[label_bytes + 1024 * plane] = static_cast<char>(10 * (plane + 1));
    }
    bytes += record;
  }
  return bytes;
}

std::string spec(const std::string& kind, const std::filesystem::path& path) {
  return kind + ":" + path.string();
}

TEST(OpenDataset, UnknownKindNamesTheNearest) {
  EXPECT_THAT(message_of<UsageError>([] { open_dataset("cifar1000:x"); }),
              AllOf(HasSubstr("\"cifar1000\""), HasSubstr("did you mean \"cifar100\"?")));
}

TEST(OpenDataset, BadSyntaxSaysWhatIsExpected) {
  for (const char* bad : {"cifar100", "", "cifar100:"}) {
    EXPECT_THAT(message_of<UsageError>([&] { open_dataset(bad); }), HasSubstr("KIND:PATH"));
  }
}

TEST(OpenDataset, CaptionsMustBeGivenWhereTheyAreNeededAndOnlyThere) {
  testing::TemporaryFolder folder;
  EXPECT_THAT(message_of<UsageError>([&] { open_dataset(spec("coco", folder.path())); }),
              HasSubstr("needs a captions file"));
  EXPECT_THAT(
      message_of<UsageError>([&] { open_dataset(spec("images", folder.path()), "x.json"); }),
      HasSubstr("takes no captions"));
}

TEST(DatasetKinds, ListsEachWithADescription) {
  std::vector<std::string> names;
  for (const DatasetKind& kind : dataset_kinds()) {
    names.push_back(kind.name);
    EXPECT_THAT(kind.description, Not(IsEmpty()));
  }
  EXPECT_THAT(names,
              ElementsAre("cifar100", "cifar10", "imagefolder", "coco", "flickr", "images", "wds"));
}

TEST(Cifar, ReadsRecordsOfBothLayouts) {
  testing::TemporaryFolder folder;
  write_file(folder / "test.bin", cifar_records(3, 2, 97));
  write_file(folder / "test_batch.bin", cifar_records(4, 1));
  const auto hundred = open_dataset(spec("cifar100", folder.path()));
  const auto ten = open_dataset(spec("cifar10", folder.path()));
  EXPECT_EQ(hundred->size(), 3);
  EXPECT_EQ(hundred->name(), "cifar100");
  EXPECT_EQ(hundred->spec(), spec("cifar100", folder.path()));
  EXPECT_EQ(hundred->label(2), 99);
  EXPECT_EQ(hundred->item_name(2), "test.bin:2");
  EXPECT_THAT(hundred->class_keys(), IsEmpty());
  EXPECT_THAT(hundred->captions(2), IsEmpty());
  Sha256 pixels;
  pixels.update(cifar_records(3, 2, 97).substr(2, 3072));
  EXPECT_EQ(hundred->image_hash(0), pixels.finish());
  EXPECT_THAT(hundred->labels(2), ElementsAre(99));
  EXPECT_FALSE(hundred->multi_label());
  EXPECT_EQ(ten->size(), 4);
  EXPECT_EQ(ten->name(), "cifar10");
  EXPECT_EQ(ten->label(3), 3);
  for (const Dataset* data : {hundred.get(), ten.get()}) {
    const Image image = data->image(2);
    EXPECT_EQ(image.height, 32);
    EXPECT_EQ(image.width, 32);
    ASSERT_THAT(image.rgb, SizeIs(3072));
    EXPECT_THAT(std::vector<int>(image.rgb.begin(), image.rgb.begin() + 6),
                ElementsAre(10, 20, 30, 2, 2, 2));
  }
}

TEST(Cifar, TakesAnExplicitFile) {
  testing::TemporaryFolder folder;
  write_file(folder / "train.bin", cifar_records(2, 2));
  EXPECT_EQ(open_dataset(spec("cifar100", folder / "train.bin"))->item_name(1), "train.bin:1");
}

TEST(Cifar, OpensTheTrainingPart) {
  testing::TemporaryFolder folder;
  write_file(folder / "train.bin", cifar_records(2, 2));
  EXPECT_EQ(open_dataset(spec("cifar100", folder.path()), {}, Split::kTrain)->size(), 2);
  for (int i = 1; i <= 5; ++i) {
    write_file(folder / cat("data_batch_", i, ".bin"), cifar_records(i, 1));
  }
  const auto data = open_dataset(spec("cifar10", folder.path()), {}, Split::kTrain);
  ASSERT_EQ(data->size(), 15);
  EXPECT_EQ(data->item_name(0), "data_batch_1.bin:0");
  EXPECT_EQ(data->item_name(9), "data_batch_4.bin:3");
  EXPECT_EQ(data->item_name(14), "data_batch_5.bin:4");
  EXPECT_EQ(data->label(9), 3);
  EXPECT_THAT(message_of<UsageError>(
                  [&] { open_dataset(spec("cifar100", folder / "train.bin"), {}, Split::kTrain); }),
              HasSubstr("pass the folder"));
  EXPECT_THAT(message_of<UsageError>(
                  [&] { open_dataset(spec("images", folder.path()), {}, Split::kTrain); }),
              HasSubstr("no training split"));
}

TEST(Cifar, ReadsClassNamesWithoutTrailingBlankLines) {
  testing::TemporaryFolder folder;
  write_file(folder / "test_batch.bin", cifar_records(1, 1));
  write_file(folder / "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_THAT(open_dataset(spec("cifar10", folder.path()))->class_keys(), SizeIs(10));
  write_file(folder / "batches.meta.txt", "a\nb\n");
  EXPECT_THAT(message_of<InputError>([&] { open_dataset(spec("cifar10", folder.path())); }),
              AllOf(HasSubstr("batches.meta.txt"), HasSubstr("got 2 names, expected 10")));
}

TEST(Cifar, RefusesAFileOfTheWrongLength) {
  testing::TemporaryFolder folder;
  write_file(folder / "test.bin", cifar_records(2, 2) + "x");
  const auto open = [&] { open_dataset(spec("cifar100", folder.path())); };
  EXPECT_THAT(message_of<InputError>(open),
              AllOf(HasSubstr("test.bin"), HasSubstr("got 6149 bytes"), HasSubstr("3074")));
  write_file(folder / "test.bin", "");
  EXPECT_THAT(message_of<InputError>(open), HasSubstr("got 0 bytes"));
}

TEST(Cifar, RefusesLabelsOutOfRangeAndMissingFiles) {
  testing::TemporaryFolder folder;
  write_file(folder / "test.bin", cifar_records(3, 2, 98));
  EXPECT_THAT(message_of<InputError>([&] { open_dataset(spec("cifar100", folder.path())); }),
              HasSubstr("record 2 has label 100, expected 0 to 99"));
  EXPECT_THAT(message_of<InputError>([&] { open_dataset(spec("cifar10", folder.path())); }),
              HasSubstr("test_batch.bin does not exist"));
  EXPECT_THAT(message_of<InputError>([&] { open_dataset(spec("cifar10", folder / "none")); }),
              HasSubstr("none does not exist"));
}

TEST(Images, AreSortedByNameAndOtherFilesAreLeftOut) {
  testing::TemporaryFolder folder;
  for (const char* name : {"b.png", "a.PNG", "c.jpeg"}) place_image(folder / name);
  place_image(folder / "below/d.png");
  write_file(folder / "notes.txt", "hello");
  const auto data = open_dataset(spec("images", folder.path()));
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->item_name(0), "a.PNG");
  EXPECT_EQ(data->item_name(2), "c.jpeg");
  EXPECT_EQ(data->name(), "images");
  EXPECT_EQ(data->label(0), -1);
  EXPECT_EQ(data->image(0), decode_image(golden_image("grey.png")));
}

TEST(Images, AFolderWithoutPicturesIsAnInputError) {
  testing::TemporaryFolder folder;
  EXPECT_THAT(message_of<InputError>([&] { open_dataset(spec("images", folder.path())); }),
              HasSubstr("has no images"));
}

TEST(Images, TheHashFollowsOrderAndBytes) {
  testing::TemporaryFolder folder;
  const auto hash = [&] {
    const auto data = open_dataset(spec("images", folder.path()));
    return content_hash(*data, data->size()).sha256;
  };
  place_image(folder / "a.png", "grey.png");
  const std::string first = hash();
  EXPECT_THAT(first, SizeIs(64));
  EXPECT_EQ(hash(), first);
  std::filesystem::rename(folder / "a.png", folder / "b.png");
  EXPECT_EQ(hash(), first);
  place_image(folder / "a.png", "alpha.png");
  const std::string both = hash();
  EXPECT_NE(both, first);
  std::filesystem::rename(folder / "a.png", folder / "c.png");
  EXPECT_NE(hash(), both);
}

TEST(Images, TheHashOfAPartKnowsItsImages) {
  testing::TemporaryFolder folder;
  place_image(folder / "a.png", "grey.png");
  place_image(folder / "b.png", "alpha.png");
  const auto data = open_dataset(spec("images", folder.path()));
  const ContentHash all = content_hash(*data, 2);
  EXPECT_THAT(all.images,
              ElementsAre(sha256_of_file(folder / "a.png"), sha256_of_file(folder / "b.png")));
  EXPECT_THAT(content_hash(*data, 1).images, ElementsAre(all.images[0]));
  EXPECT_NE(content_hash(*data, 1).sha256, all.sha256);
}

TEST(ImageFolder, LabelsAreTheRanksOfTheSortedFolders) {
  testing::TemporaryFolder folder;
  place_image(folder / "val/n02000000/x.png");
  place_image(folder / "val/n01000000/z.png");
  place_image(folder / "val/n01000000/y.png");
  place_image(folder / "train/n09000000/w.png");
  const auto data = open_dataset(spec("imagefolder", folder.path()));
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->name(), "imagenet1k");
  EXPECT_THAT(data->class_keys(), ElementsAre("n01000000", "n02000000"));
  EXPECT_EQ(data->item_name(0), "n01000000/y.png");
  EXPECT_EQ(data->item_name(2), "n02000000/x.png");
  EXPECT_EQ(data->label(1), 0);
  EXPECT_EQ(data->label(2), 1);
}

TEST(ImageFolder, OpensTheTrainingPart) {
  testing::TemporaryFolder folder;
  place_image(folder / "val/dog/x.png");
  place_image(folder / "train/dog/y.png");
  EXPECT_EQ(open_dataset(spec("imagefolder", folder.path()), {}, Split::kTrain)->item_name(0),
            "dog/y.png");
  std::filesystem::remove_all(folder / "train");
  EXPECT_THAT(message_of<InputError>(
                  [&] { open_dataset(spec("imagefolder", folder.path()), {}, Split::kTrain); }),
              HasSubstr("train does not exist"));
}

TEST(ImageFolder, TakesTestBesideTrain) {
  testing::TemporaryFolder folder;
  place_image(folder / "train/dog/x.png");
  place_image(folder / "test/dog/y.png");
  EXPECT_EQ(open_dataset(spec("imagefolder", folder.path()))->item_name(0), "dog/y.png");
  EXPECT_EQ(open_dataset(spec("imagefolder", folder.path()), {}, Split::kTrainOrAll)->item_name(0),
            "dog/x.png");
}

TEST(Flickr, ReadsCaptionsByPicture) {
  testing::TemporaryFolder folder;
  place_image(folder / "flickr8k/b.jpg", "grey.png");
  place_image(folder / "flickr8k/a.jpg", "grey.png");
  write_file(folder / "captions.txt",
             "image,caption\nb.jpg,A dog, running .\na.jpg,\"She says \"\"hi\"\" .\"\nb.jpg,Two\n");
  const auto data = open_dataset(spec("flickr", folder / "flickr8k"), folder / "captions.txt");
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->name(), "flickr8k");
  EXPECT_EQ(data->item_name(0), "b.jpg");
  EXPECT_THAT(data->captions(0), ElementsAre("A dog, running .", "Two"));
  EXPECT_THAT(data->captions(1), ElementsAre("She says \"hi\" ."));
  write_file(folder / "captions.txt", "image,caption\n{}\n");
  EXPECT_THAT(message_of<InputError>([&] {
                open_dataset(spec("flickr", folder / "flickr8k"), folder / "captions.txt");
              }),
              AllOf(HasSubstr("captions.txt:2"), HasSubstr("file name in field 1")));
  write_file(folder / "captions.txt", "image,caption\nc.jpg,None\n");
  EXPECT_THAT(message_of<InputError>([&] {
                open_dataset(spec("flickr", folder / "flickr8k"), folder / "captions.txt");
              }),
              HasSubstr("c.jpg"));
}

TEST(ImageFolder, WithoutValTheClassesAreInTheFolderItself) {
  testing::TemporaryFolder folder;
  place_image(folder / "dog/x.png");
  place_image(folder / "cat/x.png");
  std::filesystem::create_directories(folder / "bird");
  std::filesystem::create_directories(folder / ".cache");
  const auto data = open_dataset(spec("imagefolder", folder.path()));
  EXPECT_EQ(data->name(), "imagefolder");
  EXPECT_THAT(data->class_keys(), ElementsAre("cat", "dog"));
  EXPECT_EQ(data->label(0), 0);
  EXPECT_THAT(data->warnings(),
              ElementsAre(HasSubstr("class folders without images skipped: 1 (bird)")));
}

TEST(ImageFolder, NoPicturesAreAnInputErrorThatHelps) {
  testing::TemporaryFolder folder;
  place_image(folder / "x.png");
  EXPECT_THAT(message_of<InputError>([&] { open_dataset(spec("imagefolder", folder.path())); }),
              AllOf(HasSubstr("0 class folders"), HasSubstr("images:")));
}

/// Opens the data set that lies in the shared folder, or skips the test.
std::unique_ptr<Dataset> open_shared(const std::string& kind, const std::string& path,
                                     const std::string& captions = "") {
  const std::filesystem::path root = CLIPQ_SHARED_DATA;
  if (!std::filesystem::exists(root / path)) return nullptr;
  return open_dataset(spec(kind, root / path),
                      captions.empty() ? std::filesystem::path() : root / captions);
}

TEST(SharedData, OpensWithTheKnownCounts) {
  const auto cifar = open_shared("cifar100", "cifar-100-binary");
  const auto imagenet = open_shared("imagefolder", "imagenet");
  const auto coco = open_shared("coco", "coco/val2017", "coco/annotations/captions_val2017.json");
  if (!cifar || !imagenet || !coco) GTEST_SKIP() << "no data in " << CLIPQ_SHARED_DATA;
  EXPECT_EQ(cifar->size(), 5000);
  EXPECT_EQ(cifar->class_keys()[1], "aquarium_fish");
  EXPECT_EQ(imagenet->size(), 351);
  EXPECT_EQ(imagenet->name(), "imagenet1k");
  EXPECT_EQ(coco->size(), 120);
  EXPECT_THAT(coco->captions(0), SizeIs(5));
  for (std::int64_t i = 0; i < imagenet->size(); ++i) EXPECT_NO_THROW(imagenet->image(i));
}

}  // namespace
}  // namespace clipq
