#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace clipq::testing {

/// The names of kernels' paths, whichever kind they are.
template <typename Path>
std::vector<std::string> names_of(const std::vector<Path>& paths) {
  std::vector<std::string> names;
  for (const Path& path : paths) names.emplace_back(path.name);
  return names;
}

/// Of those that this processor lacks, too.
template <typename Path>
const Path& named(const std::vector<Path>& paths, const std::string& name) {
  return *std::find_if(paths.begin(), paths.end(),
                       [&name](const Path& path) { return path.name == name; });
}

/// A name as GoogleTest allows it in a test's.
inline std::string identifier(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace clipq::testing
