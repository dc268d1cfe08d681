#include "clipq/core/zip_archive.h"

#include <zip.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Compressed records are code and metadata: they may be this many times as long as the file, or
/// this long, whichever is larger. Stored ones together can't be longer than the file.
constexpr std::uint64_t kLargestRatio = 64;
constexpr std::uint64_t kLeastInflated = 64 << 20;

std::string reason_of(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  return reason;
}

}  // namespace

struct ZipArchive::Handle {
  zip_t* zip = nullptr;
  ~Handle() {
    if (zip != nullptr) zip_discard(zip);
  }
};

ZipArchive::ZipArchive(const std::filesystem::path& file)
    : handle_(std::make_unique<Handle>()), where_(file.string()) {
  require_file(file, "file");
  file_bytes_ = std::filesystem::file_size(file);
  int code = 0;
  handle_->zip = zip_open(file.c_str(), ZIP_RDONLY, &code);
  if (handle_->zip == nullptr) {
    throw InputError(cat(where_, ": damaged or truncated zip file (", reason_of(code),
                         "); copy or export it again"));
  }
  const zip_int64_t count = zip_get_num_entries(handle_->zip, 0);
  std::uint64_t stored = 0;
  std::uint64_t inflated = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(handle_->zip, static_cast<zip_uint64_t>(i), 0, &stat) != 0 ||
        (stat.valid & ZIP_STAT_NAME) == 0) {
      throw InputError(
          cat(where_, ": damaged zip file (record ", i, " has no name); copy or export it again"));
    }
    const bool is_stored =
        (stat.valid & ZIP_STAT_COMP_METHOD) != 0 && stat.comp_method == ZIP_CM_STORE;
    std::uint64_t& total = is_stored ? stored : inflated;
    const std::uint64_t most =
        is_stored ? file_bytes_ : std::max(kLeastInflated, kLargestRatio * file_bytes_);
    if (stat.size > most || (total += stat.size) > most) {
      throw InputError(cat(where_, ": record \"", stat.name, "\" claims ", stat.size,
                           " bytes, more than a file of ", file_bytes_,
                           " bytes can hold; copy or export the file again"));
    }
    if (!sizes_.emplace(stat.name, stat.size).second) {
      throw InputError(cat(where_, ": damaged zip file (two records are named \"", stat.name,
                           "\"); copy or export it again"));
    }
    names_.emplace_back(stat.name);
  }
}

ZipArchive::~ZipArchive() = default;
ZipArchive::ZipArchive(ZipArchive&&) noexcept = default;

std::uint64_t ZipArchive::size(const std::string& name) const {
  const auto found = sizes_.find(name);
  if (found == sizes_.end()) {
    throw InputError(
        cat(where_, ": record \"", name, "\" is missing; copy or export the file again"));
  }
  return found->second;
}

std::string ZipArchive::read(const std::string& name) const {
  std::string content(size(name), '\0');
  read(name, content.data());
  return content;
}

void ZipArchive::read(const std::string& name, void* target) const {
  const std::uint64_t bytes = size(name);
  const auto fail = [&](const char* reason) {
    throw InputError(cat(where_, ": record \"", name, "\" is damaged (", reason,
                         "); copy or export the file again"));
  };
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> record(
      zip_fopen(handle_->zip, name.c_str(), 0), zip_fclose);
  if (!record) fail(zip_strerror(handle_->zip));
  auto* at = static_cast<char*>(target);
  std::uint64_t left = bytes;
  while (left > 0) {
    const zip_int64_t got = zip_fread(record.get(), at, left);
    if (got < 0) fail(zip_file_strerror(record.get()));
    if (got == 0) fail("it ends early");
    at += got;
    left -= static_cast<std::uint64_t>(got);
  }
  // The CRC is checked when the end is reached.
  char more = 0;
  const zip_int64_t beyond = zip_fread(record.get(), &more, 1);
  if (beyond < 0) fail(zip_file_strerror(record.get()));
  if (beyond > 0) fail("it is longer than declared");
  read_.insert(name);
}

void ZipArchive::check_unread() const {
  for (const std::string& name : names_) {
    const bool is_folder = name.ends_with("/");
    if (!is_folder && read_.count(name) == 0) read(name);
  }
}

}  // namespace clipq
