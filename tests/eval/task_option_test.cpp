#include "clipq/eval/task_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/eval/task.h"

namespace clipq {
namespace {

/// What configs/run.schema.json has to say about the value of an option.
struct ValueSchema {
  Json operator()(const FlagOption& /*kind*/) const { return {{"type", "boolean"}}; }
  Json operator()(const CountOption& kind) const {
    return {{"type", "integer"}, {"minimum", kind.smallest}, {"maximum", kind.largest}};
  }
  Json operator()(const CountsOption& kind) const {
    return {
        {"type", "array"},
        {"minItems", 1},
        {"items", {{"type", "integer"}, {"minimum", kind.smallest}, {"maximum", kind.largest}}}};
  }
  Json operator()(const NumberOption& /*kind*/) const {
    return {{"type", "number"}, {"exclusiveMinimum", 0}};
  }
  Json operator()(const TextOption& /*kind*/) const {
    return {{"type", "string"}, {"minLength", 1}};
  }
  Json operator()(const FileOption& /*kind*/) const {
    return {{"type", "string"}, {"minLength", 1}};
  }
  Json operator()(const ChoiceOption& kind) const { return {{"enum", kind.names}}; }
  Json operator()(const NamesOption& kind) const {
    return {{"type", "array"}, {"minItems", 1}, {"items", {{"enum", kind.names}}}};
  }
};

Json task_schema() {
  const std::filesystem::path configs =
      std::filesystem::path(CLIPQ_TEST_DATA) / "../../../configs/run.schema.json";
  return read_json(configs).at("$defs").at("task");
}

std::vector<TaskOption> options_with_keys() {
  std::vector<TaskOption> options;
  for (const TaskOption& option : all_task_options()) {
    if (option.data_attribute.empty()) options.push_back(option);
  }
  return options;
}

TEST(TaskOption, SchemaHasTheSameValues) {
  const Json schema = task_schema();
  std::vector<std::string> keys = {"task", "data", "name", "limit", "optional", "comment"};
  for (const TaskOption& option : options_with_keys()) {
    SCOPED_TRACE(option.name);
    keys.push_back(option.key());
    ASSERT_TRUE(schema.at("properties").contains(option.key()));
    Json property = schema.at("properties").at(option.key());
    EXPECT_FALSE(property.at("description").get<std::string>().empty());
    property.erase("description");
    EXPECT_EQ(nlohmann::json(property), nlohmann::json(std::visit(ValueSchema(), option.kind)));
  }
  std::vector<std::string> known;
  for (const auto& [key, property] : schema.at("properties").items()) known.push_back(key);
  EXPECT_THAT(known, ::testing::UnorderedElementsAreArray(keys));
}

TEST(TaskOption, SchemaGivesThemToTheSameTasks) {
  const Json schema = task_schema();
  nlohmann::json expected;
  for (const TaskOption& option : options_with_keys()) {
    expected[option.key()]["properties"]["task"]["enum"] = tasks_with_option(option.name);
  }
  EXPECT_EQ(nlohmann::json(schema.at("dependentSchemas")), expected);
}

TEST(TaskOption, SchemaExcludesTheSame) {
  nlohmann::json expected;
  for (const TaskOption& option : options_with_keys()) {
    if (option.excludes.empty()) continue;
    ASSERT_TRUE(expected.is_null()) << "the schema needs another form for several";
    const std::string other = TaskOption{option.excludes, "", option.kind}.key();
    expected = {{"required", {other, option.key()}},
                {"properties", {{option.key(), {{"const", true}}}}}};
  }
  EXPECT_EQ(nlohmann::json(task_schema().at("not")), expected);
}

TEST(TaskOption, FirstChoiceIsTheDefault) {
  for (const TaskOption& option : all_task_options()) {
    const auto* choice = std::get_if<ChoiceOption>(&option.kind);
    if (choice == nullptr) continue;
    TaskOptions chosen;
    chosen.classes = ClassChoice::kPresent;
    chosen.probe_feature = ImageFeature::kPooled;
    choice->choose(chosen, choice->names.front(), "");
    const TaskOptions defaults;
    EXPECT_TRUE(chosen.classes == defaults.classes ||
                chosen.probe_feature == defaults.probe_feature)
        << option.name;
  }
}

TEST(TaskOption, BelongsToTasks) {
  EXPECT_THAT(tasks_with_option("recall-k"),
              ::testing::ElementsAre("zeroshot_retrieval", "index_compatibility"));
  EXPECT_THAT(tasks_with_option("per-class"),
              ::testing::ElementsAre("zeroshot_classification", "linear_probe"));
  EXPECT_THAT(tasks_with_option("recall"), ::testing::IsEmpty());
  EXPECT_NO_THROW(require_task_takes("pairs", "--pairs", "drift", ""));
  try {
    require_task_takes("templates", "--templates", "linear_probe", "leave it out");
    FAIL() << "nothing was thrown";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "--templates belongs to zeroshot_classification, drift and layers, not to "
                 "linear_probe; leave it out");
  }
}

}  // namespace
}  // namespace clipq
