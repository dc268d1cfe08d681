#pragma once

#include <filesystem>
#include <string>

#include "clipq/core/json.h"
#include "clipq/data/content_hash.h"
#include "clipq/eval/task.h"

namespace clipq {

// What evaluations are made from, as JSON that tells other inputs apart: by contents rather than
// names of files.

/// The first `count` items of a data set. Reads every picture.
Json described(const Dataset& dataset, std::int64_t count);

/// The same where the items' content is known.
Json described(const Dataset& dataset, std::int64_t count, const ContentHash& content);

/// The digest of a file's bytes; empty without one.
std::string digest_of_file(const std::filesystem::path& file);

/// What a task's options of flags, numbers and names are, by their names.
Json option_values(const Task& task, const TaskOptions& options);

/// Adds the files that a task's texts are made from.
void add_text_files(Json& json, const TaskOptions& options);

}  // namespace clipq
