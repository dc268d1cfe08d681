#include "run_choice.h"

#include <utility>

#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Keeps the entries for which `missing` returns nothing; it returns the name that isn't bound.
template <typename Entry, typename Missing>
void keep_bound(std::vector<Entry>& entries, std::vector<std::string>& left_out, Missing missing) {
  std::vector<Entry> kept;
  for (Entry& entry : entries) {
    const std::string name = missing(entry);
    if (name.empty()) {
      kept.push_back(std::move(entry));
    } else {
      left_out.push_back(cat(entry.name, ": ", name, " isn't bound"));
      log::info("run: skipped " + left_out.back());
    }
  }
  entries = std::move(kept);
}

/// The name to bind; empty if the data set is bound or none is named.
std::string missing_data(const RunFile& run, const std::string& name) {
  return name.empty() || !run.data_named(name).spec.empty() ? "" : "data." + name;
}

void complete(RunTask& task, const RunData& data) {
  task.options.classnames = data.classnames;
  task.options.train_data = data.train;
  if (!task.json.contains("templates") && !data.templates.empty()) {
    task.options.templates = data.templates;
  }
  const Task& kind = find_task(task.task, task.name);
  const auto dataset = open_dataset(data.spec, data.captions);
  task.limit = items_within(task.limit > 0 ? task.limit : kind.default_limit, *dataset);
  kind.check({*dataset, task.limit, task.options});
}

}  // namespace

std::vector<std::string> leave_out_unbound(RunFile& run) {
  std::vector<std::string> left_out;
  keep_bound(run.checkpoints, left_out, [](const RunCheckpoint& checkpoint) {
    return checkpoint.path.empty() ? checkpoint.name : "";
  });
  keep_bound(run.recipes, left_out,
             [&run](const RunRecipe& recipe) { return missing_data(run, recipe.calibration); });
  keep_bound(run.tasks, left_out,
             [&run](const RunTask& task) { return missing_data(run, task.data); });
  for (const RunCheckpoint& each : run.checkpoints) checkpoint_files(each.path);
  for (const RunRecipe& each : run.recipes) {
    if (each.calibration.empty()) continue;
    const RunData& data = run.data_named(each.calibration);
    open_dataset(data.spec, data.captions);
  }
  for (RunTask& each : run.tasks) complete(each, run.data_named(each.data));
  return left_out;
}

}  // namespace clipq
