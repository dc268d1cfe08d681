#pragma once

#include <string>

#include "clipq/app/run_file.h"

namespace clipq {

/// Parses an entry of a run file's "tasks". Throws UsageError that names `where` and the key.
RunTask parse_run_task(const Json& json, const std::string& where);

}  // namespace clipq
