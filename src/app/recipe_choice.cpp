#include "clipq/app/recipe_choice.h"

#include "clipq/app/failure.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

CalibrationOpener opener_of(const CalibrationChoice& choice) {
  if (choice.calibration_data.empty()) return {};
  return [&choice] {
    try {
      return open_dataset(choice.calibration_data, choice.calibration_captions);
    } catch (const UsageError& failure) {
      throw UsageError(failure_of(failure).message);  // may end in a warning
    }
  };
}

}  // namespace

void require_calibration_data(const CalibrationChoice& choice, const std::string& command) {
  if (!choice.calibration_data.empty()) return;
  if (choice.calibration_captions.empty() && choice.calibration_samples == 0) return;
  throw UsageError(cat(command, ": --calib-captions and --calib-samples need --calib-data"));
}

CalibrationInput calibration_of(const OpenedModel& opened, const QuantizationPlan& plan,
                                const CalibrationChoice& choice, std::int64_t skip_bad,
                                int decode_threads) {
  return calibration_input(opened, plan, opener_of(choice),
                           {.samples = choice.calibration_samples,
                            .skip_bad = skip_bad,
                            .decode_threads = decode_threads});
}

}  // namespace clipq
