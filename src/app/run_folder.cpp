#include "clipq/app/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "clipq/core/atomic_file.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = ".lock";
constexpr const char* kChecksum = "checksum";

std::string digest_of_inputs(const Json& inputs) { return sha256_of(json_text(inputs)); }

Json record_json(const char* state, const Json& inputs) {
  return {{"state", state}, {"digest", digest_of_inputs(inputs)}, {"inputs", inputs}};
}

/// Digest of the whole record, so that damage isn't mistaken for an outcome.
std::string checksum_of(Json record) {
  record.erase(kChecksum);
  return sha256_of(json_text(record));
}

void write_record(const fs::path& file, Json record) {
  record[kChecksum] = checksum_of(record);
  write_file(file, json_text(record));
}

/// A record as written; nothing if there is none or it is damaged.
std::optional<Json> parse_record(const fs::path& file) {
  try {
    Json record = read_json(file);
    const bool whole = record.is_object() && record.contains(kChecksum) &&
                       record[kChecksum] == checksum_of(record);
    if (whole) return record;
  } catch (const InputError&) {
    // same as a wrong checksum
  }
  return std::nullopt;
}

/// The record; null if there is none.
/// Throws InputError if it isn't as clipq wrote it: other files may be damaged too.
Json read_record(const fs::path& file) {
  if (!fs::exists(file)) return {};
  const std::optional<Json> record = parse_record(file);
  if (!record) {
    throw InputError(cat(file.string(), " is damaged, or from another version of clipq; delete it ",
                         "and run again with --resume, which then redoes only this item"));
  }
  return *record;
}

bool is_of(const Json& record, const char* state, const Json& inputs) {
  return record.is_object() && record.value("state", "") == state &&
         record.value("digest", "") == digest_of_inputs(inputs);
}

/// A file or folder that a run would overwrite; empty if there is none.
std::string name_in_the_way(const fs::path& folder) {
  for (const char* name :
       {"models", "results.json", "gates.json", "report.json", "report.md", "report.html"}) {
    if (fs::exists(folder / name)) return name;
  }
  return "";
}

}  // namespace

RunFolder::RunFolder(fs::path folder, EarlierRun earlier) : folder_(std::move(folder)) {
  make_folder(folder_);
  const bool holds_run = fs::is_directory(folder_ / "items");
  const std::string taken = holds_run ? "" : name_in_the_way(folder_);
  if (!taken.empty()) {
    throw UsageError(cat("-o ", folder_.string(), ": has a \"", taken,
                         "\" that is not from a run; pass an empty or new folder"));
  }
  if (holds_run && earlier == EarlierRun::kRefuse) {
    throw UsageError(cat("-o ", folder_.string(), ": already holds a run; continue it (--resume), ",
                         "redo it (--restart), or pass another folder"));
  }
  lock();
  if (earlier == EarlierRun::kRestart) fs::remove_all(folder_ / "items");
  make_folder(models());
  make_folder(folder_ / "items");
  for (const fs::path& each : {folder_, models(), folder_ / "items"}) remove_abandoned_files(each);
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) close(lock_);
}

void RunFolder::lock() {
  const fs::path file = folder_ / kLock;
  lock_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) {
    throw InputError(cat("cannot write to ", folder_.string(), ": ", std::strerror(errno)));
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  close(std::exchange(lock_, -1));
  throw UsageError(cat("-o ", folder_.string(), ": another clipq is running in this folder"));
}

fs::path RunFolder::record(const std::string& item) const {
  return folder_ / "items" / (item + ".json");
}

std::optional<Json> RunFolder::finished(const std::string& item, const Json& inputs) const {
  const Json found = read_record(record(item));
  if (!is_of(found, "finished", inputs)) return std::nullopt;
  if (!found.contains("files") || !found.contains("outcome")) return std::nullopt;
  for (const auto& [name, digest] : found["files"].items()) {
    if (!fs::exists(folder_ / name) || sha256_of_file(folder_ / name) != digest) {
      return std::nullopt;
    }
  }
  return found["outcome"];
}

bool RunFolder::begin(const std::string& item, const Json& inputs) {
  const bool again = is_of(parse_record(record(item)).value_or(Json()), "begun", inputs);
  write_record(record(item), record_json("begun", inputs));
  return again;
}

void RunFolder::finish(const std::string& item, const Json& inputs, const Json& outcome,
                       const std::vector<fs::path>& files) {
  Json json = record_json("finished", inputs);
  json["files"] = Json::object();
  for (const fs::path& file : files) {
    json["files"][file.lexically_relative(folder_).generic_string()] = sha256_of_file(file);
  }
  json["outcome"] = outcome;
  write_record(record(item), std::move(json));
}

}  // namespace clipq
