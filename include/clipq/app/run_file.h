#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipq/bench/latency.h"
#include "clipq/core/json.h"
#include "clipq/eval/task.h"
#include "clipq/report/gate.h"

namespace clipq {

/// A checkpoint by the name that a run file gives it.
struct RunCheckpoint {
  std::string name;
  bool optional = false;       ///< skipped if it isn't bound
  std::filesystem::path path;  ///< what the name is bound to; empty: nothing
};

/// A data set by the name that a run file gives it, and what the name is bound to.
struct RunData {
  std::string name;
  std::string kind;  ///< of open_dataset(); empty: the binding says it
  std::string comment;
  std::string spec;  ///< kind:path; empty: not bound
  std::filesystem::path captions;
  std::filesystem::path classnames;
  std::string templates;
  std::string train;  ///< SPEC of what a linear probe is trained on
};

/// A recipe to apply to every checkpoint, for every component.
struct RunRecipe {
  std::string name;  ///< of its artifacts
  std::string recipe;
  std::vector<std::string> overrides;
  std::string calibration;   ///< a data set's name; empty: none
  std::int64_t samples = 0;  ///< 0: as the recipe says
  bool optional = false;     ///< skipped if its data aren't bound
};

/// A task to measure all models on.
struct RunTask {
  std::string name;
  std::string task;
  std::string data;        ///< a data set's name
  std::int64_t limit = 0;  ///< first items only; 0: all
  TaskOptions options;
  Json json;              ///< the entry as written in the file
  bool optional = false;  ///< skipped if its data aren't bound
};

/// What `clipq run` does: checkpoints x recipes x components x tasks, timed and checked against
/// gates.
struct RunFile {
  std::string name;
  std::string comment;
  std::vector<RunCheckpoint> checkpoints;
  std::vector<RunData> data;
  std::vector<RunRecipe> recipes;
  std::vector<std::string> components;
  std::vector<RunTask> tasks;
  std::optional<LatencyOptions> bench;
  std::optional<Gates> gates;

  /// The data set of that name. Throws InternalError if there is none.
  const RunData& data_named(const std::string& name) const;
};

/// The run of that name among those compiled in or, if `name` is a path, that file, with what
/// `settings` give: "NAME=PATH" for a checkpoint's name, "data.NAME=PATH" or "data.NAME=KIND:PATH",
/// "data.NAME.captions=FILE" (also classnames, templates, train), and "KEY=VALUE" for any other
/// value of the file, "bench.seconds=1". Throws UsageError that names `where` and the key (bad
/// content, unknown names, and, all at once, what is needed and not bound) or InputError (missing
/// file).
RunFile load_run(const std::string& name, const std::vector<std::string>& settings);

/// The names of the runs compiled in, sorted, and what one is for.
std::vector<std::string> run_names();
std::string run_comment(const std::string& name);

}  // namespace clipq
