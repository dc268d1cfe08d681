#include "measurement_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "clipq/core/differing_keys.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInputs = "inputs.json";
constexpr const char* kLock = "lock";

/// Tells the document apart from others of that name.
constexpr const char* kSchema = "clipq.measurement_state/1";

/// Whether the folder is there and holds something else.
bool is_of_others(const fs::path& folder) {
  std::error_code missing;
  const bool has_files = fs::exists(folder, missing) &&
                         fs::directory_iterator(folder, missing) != fs::directory_iterator();
  return has_files && !fs::exists(folder / kLock, missing);
}

}  // namespace

MeasurementState::MeasurementState(const fs::path& output, const Json& inputs, bool resume)
    : folder_(output.string() + ".state") {
  if (is_of_others(folder_)) {
    throw InputError(cat(folder_.string(),
                         " isn't the state of a measurement; remove it, or choose another output"));
  }
  make_folder(folder_);
  lock_.emplace(folder_ / kLock);
  const fs::path file = folder_ / kInputs;
  Json own = {{"schema", kSchema}};
  own.update(inputs);
  if (resume && fs::is_regular_file(file)) {
    const std::string others = differing_keys(own.dump(), read_json(file).dump());
    if (!others.empty()) {
      throw InputError(cat(folder_.string(), ": saved by a measurement with another ", others,
                           "; remove it, or start over without resuming"),
                       {{Setting::kResume}});
    }
    log::info(cat("continuing from ", folder_.string()));
    return;
  }
  if (resume) {
    log::info(cat("nothing to resume in ", folder_.string(), "; starting from the beginning"));
  }
  clear();
  write_file(file, json_text(own));
}

MeasurementState::Lock::Lock(const fs::path& file)
    : descriptor_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) {
    throw InputError(cat("cannot write ", file.string(), ": ", std::strerror(errno)));
  }
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  close(descriptor_);
  throw UsageError(cat(file.parent_path().string(),
                       ": another clipq is measuring; wait for it, or choose another output"));
}

MeasurementState::Lock::~Lock() { close(descriptor_); }

/// The inputs last, so that what a kill leaves is still known.
void MeasurementState::clear() const {
  for (const fs::directory_entry& each : fs::directory_iterator(folder_)) {
    const fs::path name = each.path().filename();
    if (name != kInputs && name != kLock) fs::remove_all(each.path());
  }
  fs::remove(folder_ / kInputs);
}

void MeasurementState::remove() {
  clear();
  fs::remove_all(folder_);
}

}  // namespace clipq
