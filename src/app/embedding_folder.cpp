#include "clipq/app/embedding_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/log.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/core/zero_padded.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDescription = "embed.json";

/// Byte 0 of the description is locked while it is written; byte 1 + i while shard i is worked on.
/// Locks belong to the open file and end with the process.
bool set_lock(int descriptor, short type, std::int64_t byte) {
  struct flock range = {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  return fcntl(descriptor, F_OFD_SETLK, &range) == 0;
}

/// Returns false if another process has the lock.
bool try_lock(int descriptor, std::int64_t byte) {
  if (set_lock(descriptor, F_WRLCK, byte)) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw InputError(cat("cannot lock ", kDescription,
                       " in the output folder: ", std::strerror(errno),
                       "; write to a local folder, or mount the file system with locks"));
}

void unlock(int descriptor, std::int64_t byte) { set_lock(descriptor, F_UNLCK, byte); }

std::string number_of(std::int64_t shard) { return zero_padded(shard, 5); }

/// What the first key with different values has.
std::string first_difference(const Json& there, const Json& now) {
  for (const auto& [key, value] : now.items()) {
    const auto found = there.find(key);
    if (found == there.end()) return cat("\"", key, "\" is missing there");
    if (*found != value) {
      return cat("\"", key, "\" is ", found->dump(), " there and ", value.dump(), " now");
    }
  }
  return "it has more keys";
}

/// Makes `to` have of that key what `from` has.
void take_over(const Json& from, const std::string& key, Json& to) {
  if (from.contains(key)) {
    to[key] = from[key];
  } else {
    to.erase(key);
  }
}

}  // namespace

EmbeddingFolder::EmbeddingFolder(fs::path path, Json description,
                                 const std::vector<std::string>& open_keys)
    : path_(std::move(path)), description_(std::move(description)) {
  make_folder(path_);
  const fs::path file = path_ / kDescription;
  descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw InputError(cat("cannot write ", file.string(), ": ", std::strerror(errno)));
  }
  try {
    with_lock([&] { write_or_compare(open_keys); });
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

EmbeddingFolder::~EmbeddingFolder() { close(descriptor_); }

/// Writes the description unless it is there. One that a killed process left half-written is none.
void EmbeddingFolder::write_or_compare(const std::vector<std::string>& open_keys) {
  const fs::path file = path_ / kDescription;
  const std::string wanted = json_text(description_);
  const std::string found = read_file(file);
  if (found == wanted) return;
  if (!wanted.starts_with(found)) {
    const Json there = parse_json(found, file.string());
    for (const std::string& key : open_keys) take_over(there, key, description_);
    if (there == description_) return;
    throw UsageError(cat(path_.string(),
                         " was created with other options: ", first_difference(there, description_),
                         "; use another folder, or delete this one"));
  }
  const ssize_t written = pwrite(descriptor_, wanted.data(), wanted.size(), 0);
  if (written != static_cast<ssize_t>(wanted.size()) || fsync(descriptor_) != 0) {
    throw InputError(cat("cannot write ", file.string(), ": ", std::strerror(errno)));
  }
}

void EmbeddingFolder::with_lock(const std::function<void()>& body) {
  constexpr std::chrono::milliseconds kWait(50);
  bool has_said_so = false;
  while (!try_lock(descriptor_, 0)) {
    if (!std::exchange(has_said_so, true)) log::info("waiting for another worker");
    throw_if_interrupted();
    std::this_thread::sleep_for(kWait);
  }
  try {
    body();
  } catch (...) {
    unlock(descriptor_, 0);
    throw;
  }
  unlock(descriptor_, 0);
}

bool EmbeddingFolder::claim(std::int64_t shard) { return try_lock(descriptor_, 1 + shard); }

void EmbeddingFolder::release(std::int64_t shard) { unlock(descriptor_, 1 + shard); }

fs::path EmbeddingFolder::file(const std::string& part, std::int64_t shard,
                               const std::string& extension) const {
  make_folder(path_ / part);
  return path_ / part / cat(part, "_", number_of(shard), extension);
}

fs::path EmbeddingFolder::mark(std::int64_t shard) const {
  return path_ / "stats" / cat(number_of(shard), "_stats.json");
}

bool EmbeddingFolder::has_mark(std::int64_t shard) const { return fs::exists(mark(shard)); }

void EmbeddingFolder::require_no_marks_from(std::int64_t count) const {
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(path_ / "stats", missing)) {
    const std::string name = entry.path().filename().string();
    const auto shard = parse_number<std::int64_t>(name.substr(0, name.find('_')));
    if (!shard || *shard < count) continue;
    throw UsageError(cat(path_.string(), " has shard ", *shard, ", but the collection has only ",
                         count, " shards; use another folder, or delete this one"));
  }
}

bool EmbeddingFolder::is_committed(std::int64_t shard, const std::string& identity) const {
  if (!has_mark(shard)) return false;
  try {
    const Json stats = read_json(mark(shard));
    if (stats.at("shard") != identity) return false;
    for (const auto& [file, digest] : stats.at("files").items()) {
      if (!fs::is_regular_file(path_ / file) || sha256_of_file(path_ / file) != digest)
        return false;
    }
    return true;
  } catch (const InputError&) {
    return false;
  } catch (const Json::exception&) {
    return false;
  }
}

void EmbeddingFolder::remove_mark(std::int64_t shard) const { fs::remove(mark(shard)); }

void EmbeddingFolder::commit(std::int64_t shard, Json stats,
                             const std::vector<fs::path>& files) const {
  Json digests = Json::object();
  for (const fs::path& file : files) {
    digests[file.lexically_relative(path_).string()] = sha256_of_file(file);
  }
  stats["files"] = std::move(digests);
  make_folder(path_ / "stats");
  write_file(mark(shard), json_text(stats));
}

}  // namespace clipq
