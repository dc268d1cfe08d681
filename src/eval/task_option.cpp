#include "clipq/eval/task_option.h"

#include <algorithm>

#include "clipq/core/enumeration.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/eval/task.h"

namespace clipq {
namespace {

bool takes(const Task& task, const std::string& option) {
  return std::any_of(task.options.begin(), task.options.end(),
                     [&](const TaskOption& each) { return each.name == option; });
}

}  // namespace

std::string TaskOption::key() const {
  std::string key = name;
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::vector<TaskOption> all_task_options() {
  std::vector<TaskOption> all;
  for (const Task& task : tasks()) {
    for (const TaskOption& option : task.options) {
      const bool known = std::any_of(
          all.begin(), all.end(), [&](const TaskOption& each) { return each.name == option.name; });
      if (!known) all.push_back(option);
    }
  }
  return all;
}

std::vector<std::string> tasks_with_option(const std::string& option) {
  std::vector<std::string> names;
  for (const Task& task : tasks()) {
    if (takes(task, option)) names.push_back(task.name);
  }
  return names;
}

void require_task_takes(const std::string& option, const std::string& written,
                        const std::string& task, const std::string& remedy) {
  const std::vector<std::string> takers = tasks_with_option(option);
  if (std::find(takers.begin(), takers.end(), task) != takers.end()) return;
  throw UsageError(
      cat(written, " belongs to ", enumeration(takers, "and"), ", not to ", task, "; ", remedy));
}

}  // namespace clipq
