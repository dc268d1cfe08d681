#include "measurement_state.h"

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

fs::path state_folder(const fs::path& output) { return output.string() + ".state"; }

}  // namespace

MeasurementState::MeasurementState(const fs::path& output, const Json& inputs, bool resume)
    : folder_(state_folder(output)) {
  const fs::path file = folder_ / kInputs;
  std::error_code missing;
  const bool is_there = fs::is_regular_file(file, missing);
  if (!is_there && fs::exists(folder_) && !fs::is_empty(folder_)) {
    throw InputError(cat(folder_.string(),
                         " isn't the state of a measurement; remove it, or choose another output"));
  }
  if (resume && is_there) {
    const std::string others = differing_keys(inputs.dump(), read_json(file).dump());
    if (!others.empty()) {
      throw InputError(cat(folder_.string(), ": saved by a measurement with another ", others,
                           "; remove it, or start over without resuming"),
                       {{Setting::kResume}});
    }
    log::info(cat("continuing from ", folder_.string()));
    return;
  }
  if (resume) {
    log::info(
        cat("nothing to resume: ", folder_.string(), " isn't there; starting from the beginning"));
  }
  remove_state(output);
  make_folder(folder_);
  write_file(file, json_text(inputs));
}

void remove_state(const fs::path& output) { fs::remove_all(state_folder(output)); }

}  // namespace clipq
