#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace clipq {

/// A zip file's records, each checked against its CRC-32 when it is read.
class ZipArchive {
 public:
  /// Throws InputError if the file is missing, no zip file, or its directory is damaged or claims
  /// more than the file could hold.
  explicit ZipArchive(const std::filesystem::path& file);
  ~ZipArchive();
  ZipArchive(ZipArchive&&) noexcept;

  /// In the order of the directory.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return sizes_.count(name) > 0; }

  /// Bytes of a record's content, as the directory says. Throws InputError if there is none of that
  /// name.
  std::uint64_t size(const std::string& name) const;

  /// The content of a record. Throws InputError if it is missing or damaged.
  std::string read(const std::string& name) const;

  /// The same into `target`, which has size(name) bytes.
  void read(const std::string& name, void* target) const;

  /// Checks the records that nobody has read. Throws as read().
  void check_unread() const;

 private:
  struct Handle;

  std::unique_ptr<Handle> handle_;
  std::string where_;
  std::uint64_t file_bytes_ = 0;
  std::vector<std::string> names_;
  std::map<std::string, std::uint64_t> sizes_;
  mutable std::set<std::string> read_;  ///< records that were found whole
};

}  // namespace clipq
