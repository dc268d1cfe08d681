#pragma once

#include <filesystem>

namespace clipq {

/// A folder that appears under its name only when it is complete. Until then it has a hidden name
/// beside it, which the next AtomicFolder of that name removes if its writer has died. What has the
/// name already is replaced. Destroyed without commit(), it leaves nothing behind.
class AtomicFolder {
 public:
  /// A symbolic link is followed. Throws InputError if it can't be made.
  explicit AtomicFolder(const std::filesystem::path& target);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where its files are written.
  const std::filesystem::path& path() const { return partial_; }

  /// Gives it its name. Throws InputError, and then what had the name has it again.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path partial_;
  int lock_ = -1;  ///< held on it while it is written
};

/// The folder that is meant, absolute, without links, dots or a slash at its end.
std::filesystem::path plain_folder(const std::filesystem::path& folder);

/// Whether a file or folder is that folder or lies in it.
bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace clipq
