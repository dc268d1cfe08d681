#include "clipq/core/atomic_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "temporary_name.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_failure(const fs::path& folder) {
  throw InputError(cat("cannot write ", folder.string(), ": ", std::strerror(errno)));
}

/// Of a folder that nobody writes any more; -1 if somebody does.
int try_lock(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0 && lock(descriptor)) return descriptor;
  if (descriptor >= 0) close(descriptor);
  return -1;
}

void remove_abandoned(const fs::path& target) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(target.parent_path())) {
    const std::string path = entry.path().string();
    if (!is_temporary(entry.path())) continue;
    const std::string unique = path.substr(path.size() - kUnique.size());
    if (entry.path() == temporary_name(target, unique)) found.push_back(entry.path());
  }
  for (const fs::path& folder : found) {
    const int lock = try_lock(folder);
    if (lock < 0) continue;
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    close(lock);
  }
}

/// A new hidden folder beside the target.
fs::path make_hidden(const fs::path& target) {
  std::string name = temporary_name(target, kUnique);
  if (mkdtemp(name.data()) == nullptr) throw_failure(target);
  fs::permissions(name, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                            fs::perms::others_read | fs::perms::others_exec);
  return name;
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& target) : target_(plain_folder(target)) {
  remove_abandoned(target_);
  partial_ = make_hidden(target_);
  lock_ = try_lock(partial_);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!partial_.empty()) fs::remove_all(partial_, ignored);
  if (lock_ >= 0) close(lock_);
}

void AtomicFolder::commit() {
  fs::path old;
  if (fs::exists(target_)) {
    old = make_hidden(target_);
    if (std::rename(target_.c_str(), (old / "old").c_str()) != 0) {
      std::error_code ignored;
      fs::remove_all(old, ignored);
      throw_failure(target_);
    }
  }
  if (std::rename(partial_.c_str(), target_.c_str()) != 0) {
    const int reason = errno;
    if (!old.empty()) std::rename((old / "old").c_str(), target_.c_str());
    errno = reason;
    throw_failure(target_);
  }
  partial_.clear();
  std::error_code ignored;
  if (!old.empty()) fs::remove_all(old, ignored);
}

fs::path plain_folder(const fs::path& folder) {
  fs::path plain = fs::absolute(folder).lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  return without_links(plain);
}

bool lies_in(const fs::path& file, const fs::path& folder) {
  const fs::path inner = fs::weakly_canonical(fs::absolute(file));
  const fs::path outer = fs::weakly_canonical(plain_folder(folder));
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace clipq
