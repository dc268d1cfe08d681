#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipq/app/failure.h"
#include "clipq/app/run_folder.h"
#include "clipq/library/open_model.h"
#include "clipq/report/comparison_report.h"

namespace clipq {

/// clipq run.
struct RunOptions {
  std::string run;                    ///< a built-in run's name or a file
  std::vector<std::string> settings;  ///< --set, as load_run() takes them
  std::filesystem::path folder;       ///< created if missing
  EarlierRun earlier = EarlierRun::kRefuse;
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  std::int64_t skip_bad = 0;    ///< maximum number of undecodable images per item
  std::filesystem::path cache;  ///< folder of the feature cache; empty: none
  std::string command;          ///< for the results: the command for the run from scratch
  ModelOptions model;
};

/// An item that failed.
struct FailedItem {
  std::string item;
  std::string checkpoint;  ///< the run's name for it
  Failure failure;
};

/// The outcome of a run.
struct RunReport {
  std::string name;
  std::vector<Result> results;          ///< by checkpoint, then task; the float model first
  std::vector<FailedItem> failed;       ///< the others were done nevertheless
  std::vector<std::string> skipped;     ///< optional items, each with the reason
  std::vector<ComparisonReport> gates;  ///< one per checkpoint if the run has gates

  /// Throws RunError with what failed, or GateError if a gate is broken.
  void require_success() const;
};

/// Runs the items of a run one after another: artifacts (models/), evaluations, timing. Leaves
/// results.json, gates.json if there are gates, and the report in the folder; with several
/// checkpoints, each has its own folder, next to a results.json of all. Failures are in the
/// results' warnings. Finished items are recognized by what they were made from, and not redone if
/// `earlier` is kResume. Throws as load_run() and RunFolder do, before any work, and Interrupted.
RunReport run(const RunOptions& options);

/// results_document() plus "run": its name, what failed and what was skipped.
Json to_json(const RunReport& report);

}  // namespace clipq
