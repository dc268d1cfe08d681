#include "clipq/quant/calibrate.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <chrono>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/model/finite.h"
#include "clipq/quant/collectors.h"
#include "clipq/quant/state_file.h"

namespace clipq {
namespace {

using Clock = std::chrono::steady_clock;

/// Throws InputError if the observed model has made something else than numbers of the input; then
/// observers have seen such values, too, or left them out.
void check(const at::Tensor& embeddings, const ClipModel& model, Tower tower,
           const at::Tensor& input) {
  require_finite(embeddings, model, tower, input, "calibration",
                 [](std::int64_t) { return std::string("a sample"); });
}

/// Runs texts in groups of equal length, each cut after its last token.
/// @param unobserved the model that `model` is, but for its observers
void run_without_padding(const ClipModel& model, const ClipModel& unobserved,
                         const at::Tensor& tokens) {
  std::map<std::int64_t, std::vector<std::int64_t>> rows_by_length;
  const at::Tensor lengths = model.text->lengths(tokens);
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    rows_by_length[lengths[i].item<std::int64_t>()].push_back(i);
  }
  for (const auto& [length, rows] : rows_by_length) {
    const at::Tensor cut = at::index_select(tokens, 0, at::tensor(rows)).narrow(1, 0, length);
    check(model.encode_text(cut), unobserved, Tower::kText, cut);
  }
}

/// Continues a pass from its file; returns the number of batches that it has seen.
std::int64_t resume(Collectors& collectors, const std::filesystem::path& file,
                    const CalibrationState& state) {
  if (!state.resume) return 0;
  if (!std::filesystem::exists(file)) {
    log::info(
        cat("nothing to resume: ", file.string(), " isn't there; starting from the beginning"));
    return 0;
  }
  const SavedCalibration saved = read_calibration(file);
  if (saved.fingerprint != state.fingerprint) {
    throw InputError(cat(file.string(), ": saved by a calibration of another model, recipe or data",
                         "; remove it, or start over without resuming"),
                     {{Setting::kResume}});
  }
  try {
    collectors.restore(saved.state);
  } catch (const InputError& failure) {
    throw InputError(cat(file.string(), ": damaged (", failure.what(),
                         "); remove it, or start over without resuming"),
                     {{Setting::kResume}});
  }
  log::info(cat("calibration continues after ", saved.batches, " batches, from ", file.string()));
  return saved.batches;
}

/// Saves a pass now and then, and once more when it is interrupted after that.
class Saver {
 public:
  Saver(const std::string& pass, const std::optional<CalibrationState>& state)
      : pass_(pass), state_(state) {}

  void after(std::int64_t batches, const Collectors& collectors) {
    if (!state_ || failed_ ||
        std::chrono::duration<double>(Clock::now() - last_).count() < state_->seconds) {
      return;
    }
    save(batches, collectors);
    last_ = Clock::now();
  }

  void interrupted(std::int64_t batches, const Collectors& collectors) {
    if (!saved_) return;
    save(batches, collectors);
    log::info(cat("the calibration so far is in ", state_->file_of(pass_).string()));
  }

 private:
  void save(std::int64_t batches, const Collectors& collectors) {
    try {
      write_calibration(state_->file_of(pass_), {state_->fingerprint, batches, collectors.state()});
      saved_ = true;
    } catch (const InputError& failure) {
      log::warn(cat("the calibration continues without being saved: ", failure.what()));
      failed_ = true;
    }
  }

  const std::string& pass_;
  const std::optional<CalibrationState>& state_;
  Clock::time_point last_ = Clock::now();
  bool saved_ = false;
  bool failed_ = false;
};

}  // namespace

std::filesystem::path CalibrationState::file_of(const std::string& pass) const {
  return cat(file.string(), ".", pass);
}

bool needs_calibration(const Placement& placement, Tower tower) {
  return std::any_of(placement.begin(), placement.end(), [tower](const PlacedQuantizer& quantizer) {
    return quantizer.tower == tower && quantizer.needs_calibration();
  });
}

bool has_quantizers(const Placement& placement, Tower tower) {
  return std::any_of(placement.begin(), placement.end(), [tower](const PlacedQuantizer& quantizer) {
    return quantizer.tower == tower && quantizer.enabled;
  });
}

CalibrationData calibrate(ClipModel model, const Placement& placement,
                          const CalibrationRequest& request, const CalibrationSource& source,
                          const std::optional<CalibrationState>& state) {
  Collectors collectors(placement, request);
  std::int64_t done = state ? resume(collectors, state->file_of(request.name), *state) : 0;
  const ClipModel unobserved = model;
  collectors.attach(model);
  const bool image = has_quantizers(placement, Tower::kImage);
  const bool text = has_quantizers(placement, Tower::kText);
  const CalibrationStream stream = source.open(done, request.batches);
  Saver saver(request.name, state);
  CalibrationBatch batch;
  try {
    while (stream(batch)) {
      if (image && batch.pixels.defined()) {
        check(model.encode_image(batch.pixels), unobserved, Tower::kImage, batch.pixels);
      }
      if (text && batch.tokens.defined()) run_without_padding(model, unobserved, batch.tokens);
      batch = {};
      saver.after(++done, collectors);
    }
  } catch (const Interrupted&) {
    saver.interrupted(done, collectors);
    throw;
  }
  return collectors.data();
}

}  // namespace clipq
