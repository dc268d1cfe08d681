#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "clipq/eval/task.h"

namespace clipq::cli {

/// Adds the options of these tasks, each under the heading of those that take it.
/// @param options is set by them; must live until the command line is parsed
void add_task_options(CLI::App& command, TaskOptions& options, const std::vector<Task>& tasks);

/// Throws UsageError if an option was given that `task` doesn't take, or if there is no such task.
void require_options_of_task(const CLI::App& command, const std::string& task);

}  // namespace clipq::cli
