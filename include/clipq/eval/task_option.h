#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "clipq/data/most_items.h"
#include "clipq/eval/encode.h"
#include "clipq/eval/label_space.h"

namespace clipq {

/// What users may choose about tasks; each task reads what its options set.
struct TaskOptions {
  std::filesystem::path classnames;          ///< empty: label_space's own
  std::string templates = "clip_benchmark";  ///< a template set or a file
  ClassChoice classes = ClassChoice::kAll;
  bool per_class = false;  ///< a table of classes in the Result's details
  std::vector<std::int64_t> recall_k = {1, 5, 10};
  std::vector<std::string> index_formats = {"float32"};
  std::int64_t rescore = 0;               ///< first results of codes; 0: none
  double largest_loss = 1;                ///< percentage points of recall
  std::string train_data;        ///< SPEC; empty: the training part of --data
  std::int64_t train_limit = 0;  ///< first training items only; 0: all
  ImageFeature probe_feature = ImageFeature::kEmbedding;
  double probe_c = 0.316;
  std::int64_t probe_iterations = 1000;
  double probe_tolerance = 1e-6;
  bool probe_sweep = false;    ///< chooses C on a part of the training items
  std::int64_t map_pairs = 8;  ///< pairs of the similarity map
};

/// Kinds of options. What TaskOptions has to begin with is the default.
struct FlagOption {
  bool TaskOptions::*member;
};
struct CountOption {
  std::int64_t TaskOptions::*member;
  std::int64_t smallest = 1;
  std::int64_t largest = kMostItems;
};
/// One count or more.
struct CountsOption {
  std::vector<std::int64_t> TaskOptions::*member;
  std::int64_t smallest = 1;
  std::int64_t largest = kMostItems;
};
/// A finite number above 0.
struct NumberOption {
  double TaskOptions::*member;
};
struct TextOption {
  std::string TaskOptions::*member;
  std::string type;  ///< what --help calls it; completion goes by it
};
struct FileOption {
  std::filesystem::path TaskOptions::*member;
};
struct ChoiceOption {
  std::vector<std::string> names;  ///< the default first
  /// Throws UsageError that begins with `where` if there is no such name.
  void (*choose)(TaskOptions& options, const std::string& name, const std::string& where);
};

/// One name or more of those; the task looks them up.
struct NamesOption {
  std::vector<std::string> TaskOptions::*member;
  std::vector<std::string> names;
};

/// An option of tasks, declared once for the command line, run files and completion.
struct TaskOption {
  std::string name;  ///< "recall-k"
  std::string help;
  std::variant<FlagOption, CountOption, CountsOption, NumberOption, TextOption, FileOption,
               ChoiceOption, NamesOption>
      kind;
  std::string excludes = {};  ///< the name of an option that may not be given beside it
  /// In run files the option belongs to the data set, as data.NAME.ATTRIBUTE, and has no key.
  /// Empty: it has one.
  std::string data_attribute = {};

  std::string key() const;  ///< of run files: "recall_k"
};

/// The options of all tasks, each once.
std::vector<TaskOption> all_task_options();

/// The names of the tasks that take the option of that name; none: there is no such option.
std::vector<std::string> tasks_with_option(const std::string& option);

/// Throws UsageError unless the task takes the option: "WRITTEN belongs to drift, not to TASK;
/// REMEDY".
/// @param option its name
/// @param written the option as the user wrote it, with the place
/// @param task the name of one
void require_task_takes(const std::string& option, const std::string& written,
                        const std::string& task, const std::string& remedy);

}  // namespace clipq
