#include "task_arguments.h"

#include "clipq/core/enumeration.h"
#include "clipq/core/strings.h"
#include "clipq/eval/task.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// Makes an option of the command line of a task's.
struct OptionMaker {
  CLI::App& command;
  const TaskOption& option;
  TaskOptions& options;

  CLI::Option* operator()(const FlagOption& kind) const {
    return command.add_flag(option.flag(), options.*kind.member, option.help);
  }
  CLI::Option* operator()(const CountOption& kind) const {
    auto* made = command.add_option(option.flag(), options.*kind.member, option.help)
                     ->check(whole_number(kind.smallest, kind.largest));
    const bool has_default = options.*kind.member >= kind.smallest;
    return has_default ? made->capture_default_str() : made;
  }
  CLI::Option* operator()(const CountsOption& kind) const {
    return command.add_option(option.flag(), options.*kind.member, option.help)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(whole_number(kind.smallest, kind.largest))
        ->capture_default_str();
  }
  CLI::Option* operator()(const NumberOption& kind) const {
    return command.add_option(option.flag(), options.*kind.member, option.help)
        ->check(number_above_zero())
        ->capture_default_str();
  }
  CLI::Option* operator()(const TextOption& kind) const {
    return command.add_option(option.flag(), options.*kind.member, option.help)
        ->type_name(kind.type)
        ->capture_default_str();
  }
  CLI::Option* operator()(const FileOption& kind) const {
    return command.add_option(option.flag(), options.*kind.member, option.help)
        ->type_name(kFileType);
  }
  CLI::Option* operator()(const ChoiceOption& kind) const {
    const auto choose = [&into = options, flag = option.flag(), choose = kind.choose](
                            const std::string& name) { choose(into, name, flag); };
    return command.add_option_function<std::string>(option.flag(), choose, option.help)
        ->type_name(cat("{", join(kind.names, ","), "}"))
        ->default_str(kind.names.front());
  }
};

}  // namespace

void add_task_options(CLI::App& command, TaskOptions& options) {
  for (const TaskOption& option : all_task_options()) {
    std::visit(OptionMaker{command, option, options}, option.kind)
        ->group(cat("Options of ", enumeration(tasks_with_option(option.name), "and")));
  }
  for (const TaskOption& option : all_task_options()) {
    if (option.excludes.empty()) continue;
    command.get_option(option.flag())->excludes(command.get_option("--" + option.excludes));
  }
}

void require_options_of_task(const CLI::App& command, const std::string& task) {
  find_task(task, "--task");
  for (const TaskOption& option : all_task_options()) {
    if (command.count(option.flag()) == 0) continue;
    require_task_takes(option.name, option.flag(), task, "leave it out or change --task");
  }
}

}  // namespace clipq::cli
