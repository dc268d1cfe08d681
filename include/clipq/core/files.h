#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// The whole file. Throws InputError that names it and the reason if it can't be read.
std::string read_file(const std::filesystem::path& file);

/// The file's lines without their ends ("\n" or "\r\n"); a last line needs no end.
std::vector<std::string> read_lines(const std::filesystem::path& file);

/// Throws InputError unless `file` is a readable regular file; `what` names its part
/// ("checkpoint").
void require_file(const std::filesystem::path& file, const std::string& what);

/// Throws InputError unless `folder` is a folder; `what` names its part ("image folder").
void require_folder(const std::filesystem::path& folder, const std::string& what);

/// Makes the folder and those above it where they are missing. Throws InputError.
void make_folder(const std::filesystem::path& folder);

/// Throws InputError unless `file` could be created or replaced: its folder exists and can be
/// written to, and what has the name already, if anything, is a regular file. Called before long
/// work, so that a wrong -o costs nothing.
void require_writable_target(const std::filesystem::path& file);

/// A file that appears under its name only when it is complete: written to a temporary name in the
/// same folder, synced, renamed. A symbolic link is followed. Destroyed without commit(), it leaves
/// nothing behind.
class AtomicFile {
 public:
  /// Throws InputError if the folder is missing or not writable.
  explicit AtomicFile(std::filesystem::path target);
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

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  int failure_ = 0;  ///< errno of the first failed write
};

/// Whether it has the name of a file that an AtomicFile hadn't finished when its process was
/// killed.
bool is_unfinished(const std::filesystem::path& file);

/// Writes `text` to `file` through an AtomicFile.
void write_file(const std::filesystem::path& file, std::string_view text);

}  // namespace clipq
