#include "clipq/core/home.h"

#include <cstdlib>
#include <string>
#include <system_error>

#include "clipq/core/strings.h"

namespace clipq {

std::filesystem::path expand_home(const std::filesystem::path& path) {
  const std::string text = path.string();
  const char* home = std::getenv("HOME");
  std::error_code ignored;
  const bool begins = text == "~" || text.starts_with("~/");
  if (!begins || home == nullptr || *home == '\0' || std::filesystem::exists(path, ignored))
    return path;
  return std::filesystem::path(home) / std::filesystem::path(text.substr(1)).relative_path();
}

}  // namespace clipq
