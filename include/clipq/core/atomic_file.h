#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace clipq {

/// A file that appears under its name only when it is complete. Until then it has no name, so that
/// nothing is left of it however the process ends; where the file system has no unnamed files, it
/// has a temporary name in the same folder, which the next AtomicFile there removes if its writer
/// has died. A symbolic link is followed. Destroyed without commit(), it leaves nothing behind.
class AtomicFile {
 public:
  enum class Temporary {
    kUnnamed,  ///< where the file system can
    kNamed
  };

  /// Throws InputError if the folder is missing or not writable.
  explicit AtomicFile(std::filesystem::path target, Temporary temporary = Temporary::kUnnamed);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws InputError with the system's reason (disk full, quota, …).
  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Like write() for callers that exceptions must not cross: after a failure it does nothing, and
  /// commit() reports the failure.
  void try_write(const void* data, std::size_t bytes) noexcept;

  /// Syncs to the disk and gives the file its name. Throws InputError.
  void commit();

 private:
  void throw_failure() const;
  bool open_unnamed();
  void open_named();
  void link_to_name();

  std::filesystem::path target_;
  std::filesystem::path temporary_;  ///< empty while the file has no name
  int descriptor_ = -1;
  int failure_ = 0;  ///< errno of the first failed write
};

/// Removes the temporary files in the folder that their writers left when they were killed; those
/// that are being written stay.
void remove_abandoned_files(const std::filesystem::path& folder);

}  // namespace clipq
