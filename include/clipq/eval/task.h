#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/eval/encode.h"
#include "clipq/eval/task_option.h"
#include "clipq/result/result.h"

namespace clipq {

/// The first items of a data set and what is chosen about them, before any model is opened.
struct TaskData {
  const Dataset& dataset;
  std::int64_t count = 0;
  const TaskOptions& options;
};

/// The input of a task.
struct TaskInput {
  const Encoder& encoder;  ///< the others are compared with its first model
  const ImageSource& source;
  const TaskOptions& options;
  bool wants_decisions = false;  ///< where decisions take time: whether measurements have them

  TaskData data() const { return {source.dataset, source.count, options}; }
};

/// A task's measurements of one model.
struct Measurement {
  std::vector<std::pair<std::string, double>> metrics;
  std::map<std::string, Outcomes> outcomes;
  Json details = Json::object();
  /// Which class each item is assigned to. In retrieval, if they are wanted: which image is first
  /// for each text, then which text for each image.
  std::vector<std::int64_t> decisions = {};
};

/// The outcome of a task.
struct TaskReport {
  std::vector<Measurement> models;
  std::int64_t items = 0;  ///< evaluated
  std::int64_t templates = 0;
  std::vector<std::string> skipped;  ///< items that can't be decoded
  Json settings = Json::object();    ///< choices that affect the numbers
  std::vector<std::string> warnings;
};

/// Measures what has been encoded. Valid as long as the TaskInput's references are.
using Measure = std::function<TaskReport()>;

/// A task by CLIP_benchmark's name.
struct Task {
  std::string name;
  std::string comment;
  std::vector<TaskOption> options;
  /// Throws UsageError or InputError if the data or options don't suit the task; cheap.
  void (*check)(const TaskData& data);
  /// Encodes everything that the task needs. Every process of a shared evaluation calls this; what
  /// it returns is for the one that has all features.
  Measure (*encode)(const TaskInput& input);
  /// Towers that each model must have; tasks without any take those that all models have.
  std::vector<Tower> needs = {};
  /// Looks inside the towers: quantized models are simulated, layer by layer. Processes can't share
  /// it.
  bool layer_by_layer = false;
  std::int64_t default_limit = 0;  ///< items if no limit is given; 0: all
  /// Measures how far models are from the first one.
  bool compares_models = false;
};

/// All tasks, in the order in which `clipq list tasks` shows them.
const std::vector<Task>& tasks();

/// The task of that name. Throws UsageError that names `where` and the nearest.
const Task& find_task(const std::string& name, const std::string& where);

/// What a linear probe is trained on: --train-data, else the data set's training split. Throws
/// UsageError if there is none or it has different classes.
std::unique_ptr<Dataset> open_training_part(const TaskData& data);

std::vector<TaskOption> zeroshot_classification_options();
std::vector<TaskOption> zeroshot_retrieval_options();
std::vector<TaskOption> index_compatibility_options();
std::vector<TaskOption> linear_probe_options();
std::vector<TaskOption> drift_options();

void check_zeroshot_classification(const TaskData& data);
void check_zeroshot_retrieval(const TaskData& data);
void check_index_compatibility(const TaskData& data);
void check_linear_probe(const TaskData& data);
void check_drift(const TaskData& data);
void check_layers(const TaskData& data);

Measure encode_zeroshot_classification(const TaskInput& input);
Measure encode_zeroshot_retrieval(const TaskInput& input);
Measure encode_index_compatibility(const TaskInput& input);
Measure encode_linear_probe(const TaskInput& input);
Measure encode_drift(const TaskInput& input);
Measure encode_layers(const TaskInput& input);

}  // namespace clipq
