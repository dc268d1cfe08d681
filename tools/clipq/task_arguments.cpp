#include "task_arguments.h"

#include <algorithm>
#include <string_view>

#include "clipq/core/enumeration.h"
#include "clipq/core/strings.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// "--recall-k"
std::string flag_of(const TaskOption& option) { return "--" + option.name; }

/// Makes an option of the command line of a task's.
struct OptionMaker {
  CLI::App& command;
  const TaskOption& option;
  TaskOptions& options;

  CLI::Option* operator()(const FlagOption& kind) const {
    return command.add_flag(flag_of(option), options.*kind.member, option.help);
  }
  CLI::Option* operator()(const CountOption& kind) const {
    auto* made = command.add_option(flag_of(option), options.*kind.member, option.help)
                     ->check(whole_number(kind.smallest, kind.largest));
    const bool has_default = options.*kind.member >= kind.smallest;
    return has_default ? made->capture_default_str() : made;
  }
  CLI::Option* operator()(const CountsOption& kind) const {
    return command.add_option(flag_of(option), options.*kind.member, option.help)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(whole_number(kind.smallest, kind.largest))
        ->capture_default_str();
  }
  CLI::Option* operator()(const NumberOption& kind) const {
    return command.add_option(flag_of(option), options.*kind.member, option.help)
        ->check(number_above_zero())
        ->capture_default_str();
  }
  CLI::Option* operator()(const TextOption& kind) const {
    const bool listed = std::string_view(kind.type) == "TEMPLATES";
    return command
        .add_option(flag_of(option), options.*kind.member,
                    cat(option.help, listed ? " (clipq list templates)" : ""))
        ->type_name(kind.type)
        ->capture_default_str();
  }
  CLI::Option* operator()(const FileOption& kind) const {
    return command.add_option(flag_of(option), options.*kind.member, option.help)
        ->type_name(kFileType);
  }
  CLI::Option* operator()(const ChoiceOption& kind) const {
    const auto choose = [&into = options, flag = flag_of(option), choose = kind.choose](
                            const std::string& name) { choose(into, name, flag); };
    return command.add_option_function<std::string>(flag_of(option), choose, option.help)
        ->type_name(cat("{", join(kind.names, ","), "}"))
        ->default_str(kind.names.front());
  }
  CLI::Option* operator()(const NamesOption& kind) const {
    return command.add_option(flag_of(option), options.*kind.member, option.help)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name(cat("{", join(kind.names, ","), "}"))
        ->capture_default_str();
  }
};

/// The names of those of the tasks that take an option.
std::vector<std::string> tasks_that_take(const TaskOption& option, const std::vector<Task>& tasks) {
  std::vector<std::string> names;
  for (const Task& task : tasks) {
    const bool takes = std::any_of(task.options.begin(), task.options.end(),
                                   [&](const TaskOption& own) { return own.name == option.name; });
    if (takes) names.push_back(task.name);
  }
  return names;
}

}  // namespace

void add_task_options(CLI::App& command, TaskOptions& options, const std::vector<Task>& tasks) {
  for (const TaskOption& option : all_task_options()) {
    const std::vector<std::string> takers = tasks_that_take(option, tasks);
    if (takers.empty()) continue;
    std::visit(OptionMaker{command, option, options}, option.kind)
        ->group(cat("Options of ", enumeration(takers, "and")));
  }
  for (const TaskOption& option : all_task_options()) {
    if (option.excludes.empty() || tasks_that_take(option, tasks).empty()) continue;
    command.get_option(flag_of(option))->excludes(command.get_option("--" + option.excludes));
  }
}

void require_options_of_task(const CLI::App& command, const std::string& task) {
  find_task(task, "--task");
  for (const TaskOption& option : all_task_options()) {
    const CLI::Option* given = command.get_option_no_throw(flag_of(option));
    if (given == nullptr || given->count() == 0) continue;
    require_task_takes(option.name, flag_of(option), task, "leave it out or change --task");
  }
}

}  // namespace clipq::cli
