#include "clipq/text/prompts.h"

#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Prompts : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& text) const {
    write_file(folder_ / "prompts.json", text);
    return folder_ / "prompts.json";
  }

  template <typename Failure, typename Action>
  static std::string message(Action action) {
    try {
      action();
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "not thrown";
  }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(Prompts, PlainListAndObjectByDataSet) {
  EXPECT_THAT(read_class_names(file(R"(["cat", "dog"])"), "any").names, ElementsAre("cat", "dog"));
  EXPECT_THAT(read_class_names(file(R"({"a": ["x"], "b": ["y", "z"]})"), "b").names,
              ElementsAre("y", "z"));
  EXPECT_THAT(load_templates(file(R"({"a": ["a {c}."]})"), "a"), ElementsAre("a {c}."));
}

TEST_F(Prompts, UnknownDataSetNamesTheNearestAndAll) {
  const auto path = file(R"({"cifar10": ["x"], "pets": ["y"]})");
  EXPECT_THAT(message<UsageError>([&] { read_class_names(path, "cifar"); }),
              AllOf(HasSubstr("prompts.json: no entry for data set \"cifar\""),
                    HasSubstr("did you mean \"cifar10\"?"), HasSubstr("It has: cifar10, pets")));
}

TEST_F(Prompts, WrongContentsNameTheirPlace) {
  EXPECT_THAT(message<InputError>([&] { read_class_names(file(R"(["a", 3])"), "x"); }),
              HasSubstr("prompts.json[1]: expected a string, got 3"));
  EXPECT_THAT(message<InputError>([&] { read_class_names(file(R"({"x": {"a": "b"}})"), "x"); }),
              HasSubstr("prompts.json: x: expected a list of strings, got object"));
  EXPECT_THAT(message<InputError>([&] { read_class_names(file("[]"), "x"); }),
              HasSubstr("expected a list of strings, got an empty list"));
  EXPECT_THAT(message<InputError>([&] { load_templates(file(R"(["a {c}", "a {}"])"), "x"); }),
              HasSubstr("template \"a {}\" has no placeholder \"{c}\""));
}

TEST_F(Prompts, BuiltinOnesAreClipBenchmarks) {
  EXPECT_THAT(builtin_class_names("imagenet1k"), SizeIs(1000));
  EXPECT_THAT(load_templates("clip_benchmark", "imagenet1k"), SizeIs(80));
  EXPECT_EQ(load_templates("clip_benchmark", "cifar100").front(), "a photo of a {c}.");
  EXPECT_THAT(message<UsageError>([] { builtin_class_names("cifar100"); }),
              HasSubstr("pass others"));
}

TEST_F(Prompts, EveryPlaceholderIsFilled) {
  EXPECT_EQ(fill_template("{c}, a {c}{c}!", "cat"), "cat, a catcat!");
  EXPECT_EQ(fill_template("{c}", "{c}"), "{c}");
  EXPECT_EQ(fill_template("none", "cat"), "none");
}

}  // namespace
}  // namespace clipq
