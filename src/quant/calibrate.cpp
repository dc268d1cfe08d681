#include "clipq/quant/calibrate.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <chrono>
#include <utility>

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

/// Continues a pass over these batches from its file; returns those that are left.
BatchRange resume(Collectors& collectors, const BatchRange& batches,
                  const std::filesystem::path& file, const CalibrationState& state) {
  if (!state.resume) return batches;
  if (!std::filesystem::exists(file)) {
    log::info(
        cat("nothing to resume: ", file.string(), " isn't there; starting from the beginning"));
    return batches;
  }
  const SavedCalibration saved = read_calibration(file);
  const bool is_of_these =
      saved.batches.first == batches.first && saved.batches.last <= batches.last;
  if (saved.fingerprint != state.fingerprint || !is_of_these) {
    throw InputError(
        cat(file.string(), ": saved by a calibration of another model, recipe, data or part",
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
  log::info(cat("calibration continues after ", saved.batches.last - saved.batches.first,
                " batches, from ", file.string()));
  return {saved.batches.last, batches.last};
}

/// Saves a pass now and then, and once more when it is interrupted after that.
class Saver {
 public:
  Saver(const std::string& pass, const std::optional<CalibrationState>& state)
      : pass_(pass), state_(state) {}

  void after(const BatchRange& batches, const Collectors& collectors) {
    if (!state_ || failed_ ||
        std::chrono::duration<double>(Clock::now() - last_).count() < state_->seconds) {
      return;
    }
    save(batches, collectors);
    last_ = Clock::now();
  }

  /// Keeps a pass that took long, for when what follows it fails.
  void finished(const BatchRange& batches, const Collectors& collectors) {
    if (saved_ && !failed_) save(batches, collectors);
  }

  void interrupted(const BatchRange& batches, const Collectors& collectors) {
    if (!saved_) return;
    save(batches, collectors);
    log::info(cat("the calibration so far is in ", state_->file_of(pass_).string()));
  }

 private:
  void save(const BatchRange& batches, const Collectors& collectors) {
    try {
      write_calibration(state_->file_of(pass_), {.fingerprint = state_->fingerprint,
                                                 .pass = pass_,
                                                 .batches = batches,
                                                 .state = collectors.state()});
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

/// Goes through these batches; gives the collectors as they are afterwards.
Collectors collected(ClipModel model, const Placement& placement, const CalibrationRequest& request,
                     const CalibrationSource& source, const BatchRange& batches,
                     const std::optional<CalibrationState>& state) {
  Collectors collectors(placement, request);
  BatchRange left = batches;
  if (state) left = resume(collectors, batches, state->file_of(request.name), *state);
  const ClipModel unobserved = model;
  collectors.attach(model);
  const bool image = has_quantizers(placement, Tower::kImage);
  const bool text = has_quantizers(placement, Tower::kText);
  const CalibrationStream stream = source.open(left.first, left.last);
  Saver saver(request.name, state);
  BatchRange done = {batches.first, left.first};
  CalibrationBatch batch;
  try {
    while (stream(batch)) {
      collectors.begin(done.last);
      if (image && batch.pixels.defined()) {
        check(model.encode_image(batch.pixels), unobserved, Tower::kImage, batch.pixels);
      }
      if (text && batch.tokens.defined()) run_without_padding(model, unobserved, batch.tokens);
      batch = {};
      ++done.last;
      saver.after(done, collectors);
    }
  } catch (const Interrupted&) {
    saver.interrupted(done, collectors);
    throw;
  }
  saver.finished(done, collectors);
  return collectors;
}

/// Throws UsageError if the statistics of a quantizer can't be put together from parts.
void require_mergeable(const Placement& placement) {
  for (const PlacedQuantizer& quantizer : placement) {
    if (!quantizer.enabled || !quantizer.needs_calibration()) continue;
    const std::string name = quantizer.id.name();
    if (!observer_info(quantizer.spec.observer, name).depends_on_order) continue;
    throw UsageError(
        cat(name, ": its observer \"", quantizer.spec.observer,
            "\" depends on the order of the data, so these can't be divided among workers; use "
            "another, such as calibration.observer=max"),
        {{Setting::kOverrides}});
  }
}

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
  return collected(std::move(model), placement, request, source, {0, request.batches}, state)
      .data();
}

ObserverState gather_statistics(ClipModel model, const Placement& placement,
                                const CalibrationRequest& request, const CalibrationSource& source,
                                const BatchRange& batches,
                                const std::optional<CalibrationState>& state) {
  require_mergeable(placement);
  return collected(std::move(model), placement, request, source, batches, state).state();
}

CalibrationData data_of(const std::vector<ObserverState>& parts, const Placement& placement,
                        const CalibrationRequest& request) {
  require_mergeable(placement);
  Collectors collectors(placement, request);
  for (const ObserverState& part : parts) collectors.merge(part);
  return collectors.data();
}

}  // namespace clipq
