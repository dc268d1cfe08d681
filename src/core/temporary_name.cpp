#include "temporary_name.h"

#include <sys/file.h>

#include <algorithm>
#include <cctype>

#include "clipq/core/files.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = ".clipq-";

}  // namespace

std::string temporary_name(const fs::path& target, std::string_view unique) {
  return (folder_of(target) / cat(".", target.filename().string(), kTemporary, unique)).string();
}

bool is_temporary(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name.size() <= kTemporary.size() + kUnique.size() || name.front() != '.') return false;
  const std::size_t unique = name.size() - kUnique.size();
  return std::string_view(name).substr(unique - kTemporary.size(), kTemporary.size()) ==
             kTemporary &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(unique), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; });
}

bool lock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

}  // namespace clipq
