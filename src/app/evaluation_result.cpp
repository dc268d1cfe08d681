#include "evaluation_result.h"

#include <algorithm>

#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Records how many evaluated images the model was calibrated on, and warns about them.
void add_calibration(Result& result, const CalibrationProvenance& calibration,
                     const ImageSource& source) {
  if (calibration.used_for == CalibrationUse::kDiagnosis) return;
  const std::int64_t overlap = count_calibrated(source.content, calibration);
  result.calibration = CalibrationInfo{calibration.spec, calibration.samples, overlap};
  if (overlap == 0) return;
  result.warnings.push_back(
      cat(result.model.path, ": ", overlap, " of ", source.count,
          " evaluated images were also used to calibrate it; its accuracy may be overestimated"));
  log::warn(result.warnings.back());
}

std::string a_tower(Tower tower) {
  return cat(tower == Tower::kImage ? "an " : "a ", name_of(tower), " tower");
}

}  // namespace

Result evaluation_result(const std::string& task, const ModelInfo& model,
                         const std::optional<CalibrationProvenance>& calibration,
                         const TaskReport& report, const ImageSource& source) {
  Result result;
  result.task = task;
  result.model = model;
  result.data = DataInfo{source.dataset.spec(), source.dataset.name(), report.items,
                         source.content.sha256, report.templates,      report.skipped};
  result.warnings = source.dataset.warnings();
  result.warnings.insert(result.warnings.end(), report.warnings.begin(), report.warnings.end());
  warn_of_unchecked(result);
  if (calibration) add_calibration(result, *calibration, source);
  result.settings = report.settings;
  result.environment = current_environment();
  return result;
}

void require_towers(const Task& task, const ClipModel& model, const std::string& path,
                    const std::vector<Task>& others) {
  const auto suits = [&model](const Task& other) {
    return std::all_of(other.needs.begin(), other.needs.end(),
                       [&model](Tower tower) { return model.has(tower); });
  };
  if (suits(task)) return;
  std::vector<std::string> suitable;
  for (const Task& other : others) {
    if (suits(other)) suitable.push_back(other.name);
  }
  std::vector<std::string> needed;
  for (const Tower tower : task.needs) needed.push_back(a_tower(tower));
  throw UsageError(cat(task.name, " needs ", join(needed, " and "), ", but ", path, " has only ",
                       a_tower(model.towers().front()),
                       suitable.empty() ? "; no task suits it"
                                        : cat("; it can be evaluated by ", join(suitable, ", "))));
}

}  // namespace clipq
