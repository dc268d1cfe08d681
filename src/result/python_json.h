#pragma once

#include <filesystem>

#include "clipq/core/json.h"

namespace clipq {

/// Reads a JSON file that Python's json module may have written: its words for numbers that
/// JSON lacks (NaN, Infinity, -Infinity) are read as null. Throws InputError as read_json() does.
Json read_python_json(const std::filesystem::path& file);

}  // namespace clipq
