#include "tar_shard.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "clipq/core/child_process.h"
#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "shard_list.h"

namespace clipq {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 18;
constexpr std::int64_t kTarBlockBytes = 512;

using Block = std::vector<char>;

/// A file that is open for reading.
class OpenFile {
 public:
  explicit OpenFile(const std::string& name)
      : descriptor_(open(name.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw InputError(cat("cannot open ", name, ": ", std::strerror(errno)));
  }
  ~OpenFile() { close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

std::int64_t size_of(int descriptor) {
  struct stat status = {};
  return fstat(descriptor, &status) == 0 ? status.st_size : 0;
}

/// A blocked read() would not be interrupted.
void wait_for_input(int descriptor) {
  constexpr int kPollMilliseconds = 200;
  for (;;) {
    throw_if_interrupted();
    pollfd waiting = {descriptor, POLLIN, 0};
    if (poll(&waiting, 1, kPollMilliseconds) > 0) return;
  }
}

/// Copies standard input, a named pipe or the like to its end.
void copy_stream(int descriptor, const std::string& name, TemporaryFile& copy) {
  Block block(kBlockBytes);
  for (;;) {
    wait_for_input(descriptor);
    const ssize_t got = ::read(descriptor, block.data(), block.size());
    if (got == 0) return;
    if (got > 0) {
      copy.append(block.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      throw InputError(cat("cannot read ", name, ": ", std::strerror(errno)));
    }
  }
}

void copy_output(const std::string& command, TemporaryFile& copy) {
  ChildProcess child({"/bin/sh", "-c", command});
  child.end_input();
  Block block(kBlockBytes);
  while (const std::size_t got = child.read_some(block.data(), block.size())) {
    copy.append(block.data(), got);
  }
  const int exit_code = child.wait();
  if (exit_code == 0) return;
  throw InputError(cat("pipe:", command, ": the command ended with exit code ", exit_code));
}

struct CloseArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using ArchiveReader = std::unique_ptr<archive, CloseArchive>;

std::string error_of(archive* reader) {
  const char* text = archive_error_string(reader);
  return text == nullptr ? "unknown error" : text;
}

ArchiveReader open_archive(int descriptor, const std::string& name) {
  ArchiveReader reader(archive_read_new());
  if (reader == nullptr) throw std::bad_alloc();
  // Not all that the library has: some start other programs.
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_filter_lz4(reader.get());
  archive_read_support_filter_compress(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_fd(reader.get(), descriptor, kBlockBytes) != ARCHIVE_OK) {
    throw InputError(cat(name, " is not a tar archive: ", error_of(reader.get())));
  }
  return reader;
}

bool is_file(archive_entry* entry) {
  return archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr &&
         archive_entry_pathname(entry) != nullptr && archive_entry_size(entry) >= 0;
}

bool is_compressed(archive* reader) { return archive_filter_count(reader) > 1; }

/// Appends what the current member holds. Returns false if it is cut off.
bool copy_member(archive* reader, TemporaryFile& copy) {
  Block block(kBlockBytes);
  for (;;) {
    throw_if_interrupted();
    const la_ssize_t got = archive_read_data(reader, block.data(), block.size());
    if (got <= 0) return got == 0;
    copy.append(block.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

TarShard::TarShard(std::string shard, Spool& spool) : name_(std::move(shard)) {
  if (is_command(name_)) {
    TemporaryFile output;
    copy_output(command_of(name_), output);
    index(output.descriptor(), /*in_place=*/false, spool);
    return;
  }
  if (name_ == kStandardInput) {
    name_ = "standard input";
    index_stream(STDIN_FILENO, spool);
    return;
  }
  const OpenFile file(name_);
  struct stat status = {};
  fstat(file.descriptor(), &status);
  if (S_ISDIR(status.st_mode)) throw InputError(cat(name_, " is a folder, not a tar archive"));
  if (S_ISREG(status.st_mode)) {
    index(file.descriptor(), /*in_place=*/true, spool);
  } else {
    index_stream(file.descriptor(), spool);
  }
}

void TarShard::index_stream(int descriptor, Spool& spool) {
  TemporaryFile input;
  copy_stream(descriptor, name_, input);
  index(input.descriptor(), /*in_place=*/false, spool);
}

/// Finds the members in an archive that can be read from the start.
/// @param in_place whether members of an uncompressed one can be read from there later
void TarShard::index(int descriptor, bool in_place, Spool& spool) {
  lseek(descriptor, 0, SEEK_SET);
  const std::int64_t end = size_of(descriptor);
  const ArchiveReader reader = open_archive(descriptor, name_);
  std::int64_t end_of_members = 0;
  archive_entry* entry = nullptr;
  int status = ARCHIVE_OK;
  while ((status = archive_read_next_header(reader.get(), &entry)) >= ARCHIVE_WARN &&
         status != ARCHIVE_EOF) {
    throw_if_interrupted();
    if (!is_file(entry)) continue;
    TarMember member = {archive_entry_pathname(entry), archive_filter_bytes(reader.get(), 0),
                        archive_entry_size(entry)};
    if (in_place && !is_compressed(reader.get())) {
      if (member.size <= end - member.offset) {
        end_of_members = member.offset + member.size;
        members_.push_back(std::move(member));
        continue;
      }
    } else {
      if (!spool) spool = std::make_unique<TemporaryFile>();
      copy_ = spool.get();
      member.offset = spool->size();
      if (copy_member(reader.get(), *spool)) {
        members_.push_back(std::move(member));
        continue;
      }
    }
    damage_ = cat("it is cut off in ", member.name);
    break;
  }
  if (damage_.empty() && status < ARCHIVE_WARN) damage_ = error_of(reader.get());
  if (members_.empty() && !damage_.empty()) {
    throw InputError(cat(name_, " cannot be read as a tar archive: ", damage_));
  }
  lacks_end_mark_ = in_place && !is_compressed(reader.get()) && damage_.empty() &&
                    end < end_of_members + kTarBlockBytes;
}

std::string TarShard::read(const TarMember& member) const {
  const std::unique_ptr<OpenFile> file =
      copy_ == nullptr ? std::make_unique<OpenFile>(name_) : nullptr;
  const int descriptor = copy_ == nullptr ? file->descriptor() : copy_->descriptor();
  std::string bytes(static_cast<std::size_t>(member.size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = pread(descriptor, bytes.data() + done, bytes.size() - done,
                              member.offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      throw InputError(cat("cannot read ", member.name, " in ", name_, ": ",
                           got == 0 ? "the file has become shorter" : std::strerror(errno)));
    }
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace clipq
