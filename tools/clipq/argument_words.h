#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace clipq::cli {

/// The words of a command line with hyphens for underscores in the names of long options that are
/// known so: "--calib_data" becomes "--calib-data". Values, arguments and what stands after "--"
/// stay as they are.
std::vector<std::string> with_hyphens(const CLI::App& app, std::vector<std::string> words);

}  // namespace clipq::cli
