#pragma once

#include <filesystem>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// The Results of all files, in their order. Throws as read_results() does.
std::vector<Result> read_all_results(const std::vector<std::filesystem::path>& files);

}  // namespace clipq
