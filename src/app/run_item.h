#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "clipq/app/model_store.h"
#include "clipq/app/run_command.h"
#include "clipq/app/run_file.h"
#include "clipq/core/progress.h"
#include "run_inputs.h"

namespace clipq {

/// A model by its file.
struct RunModel {
  std::filesystem::path file;
  std::string sha256;
};

/// A checkpoint of a run, and its outcomes so far.
struct RunSubject {
  RunCheckpoint checkpoint;
  std::filesystem::path folder;  ///< of its results and report
  std::string prefix;            ///< of its items and artifacts; empty if there is no other
  std::vector<RunModel> models;  ///< the float one first
  std::vector<Result> results;
};

/// What all items of a run share.
struct RunContext {
  const RunOptions& options;
  RunFile run;  ///< what is bound of it
  RunInputs inputs;
  ModelStore models = {};  ///< those of the last evaluation
};

/// The outcome of an item.
struct RunOutcome {
  Json json;
  std::vector<std::filesystem::path> files;
};

/// A part of a run that is done or not.
class RunItem {
 public:
  virtual ~RunItem() = default;

  virtual std::string name() const = 0;   ///< of its record
  virtual std::string title() const = 0;  ///< what is done, for the log
  virtual PartCost cost() const = 0;

  /// What it is made from; asked when those before it are done.
  virtual Json inputs() const = 0;

  /// Runs it. @param begun_before whether parts of it may exist
  virtual RunOutcome make(bool begun_before) const = 0;

  /// Adds its outcome, from now or earlier, to the subject.
  virtual void accept(const Json& outcome) const = 0;

  const RunSubject& subject() const { return *subject_; }

 protected:
  RunItem(RunContext& context, RunSubject& subject) : context_(&context), subject_(&subject) {}

  void accept_results(const Json& outcome) const;

  /// How many models the subject will have.
  double model_count() const;

  RunContext* context_;
  RunSubject* subject_;
};

/// Quantizes the checkpoint: an artifact in `folder`.
std::unique_ptr<RunItem> quantize_item(RunContext& context, RunSubject& subject,
                                       const RunRecipe& recipe, const std::string& component,
                                       const std::filesystem::path& folder);

/// Measures all models of the checkpoint on a task.
std::unique_ptr<RunItem> task_item(RunContext& context, RunSubject& subject, const RunTask& task);

/// Times all models of the checkpoint.
std::unique_ptr<RunItem> bench_item(RunContext& context, RunSubject& subject);

}  // namespace clipq
