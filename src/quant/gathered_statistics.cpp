#include "clipq/quant/gathered_statistics.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "clipq/core/differing_keys.h"
#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/quant/state_file.h"

namespace clipq {
namespace {

struct StatisticsFile {
  std::filesystem::path path;
  SavedCalibration saved;
};

std::string describe(const StatisticsFile& file) {
  return cat(file.path.string(), " (", to_text(file.saved.batches), ")");
}

void require_same_calibration(const StatisticsFile& file, const StatisticsFile& first) {
  if (file.saved.fingerprint != first.saved.fingerprint) {
    throw InputError(cat(file.path.string(), " and ", first.path.string(),
                         " are not of one calibration: they differ in ",
                         differing_keys(file.saved.fingerprint, first.saved.fingerprint),
                         "; gather both with the same command"));
  }
}

/// Throws InputError unless the files, which are of one pass and sorted, hold each batch once.
void require_every_batch_once(const std::vector<StatisticsFile>& files) {
  const std::string& pass = files.front().saved.pass;
  const std::int64_t all = files.front().saved.pass_batches;
  std::int64_t next = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const BatchRange& batches = files[i].saved.batches;
    if (batches.first < next) {
      throw InputError(cat("pass ", pass, ": ", describe(files[i - 1]), " and ", describe(files[i]),
                           " overlap; pass each worker's file once"));
    }
    if (batches.first > next) break;
    next = batches.last;
  }
  if (next == all) return;
  throw InputError(cat("pass ", pass, ": batch ", next, " of ", all,
                       ", counted from 0, is in none of the files; pass those of all workers"));
}

}  // namespace

GatheredStatistics GatheredStatistics::read(const std::vector<std::filesystem::path>& files) {
  GatheredStatistics gathered;
  std::map<std::string, std::vector<StatisticsFile>> by_pass;
  std::optional<StatisticsFile> first;
  for (const std::filesystem::path& path : files) {
    StatisticsFile file = {path, read_statistics(path)};
    if (file.saved.pass_batches == 0) {
      throw InputError(cat(path.string(),
                           ": the state of a calibration that was cut, not a worker's "
                           "statistics; continue it instead"),
                       {{Setting::kResume}});
    }
    if (first) require_same_calibration(file, *first);
    if (!first) first = StatisticsFile{path, file.saved};
    by_pass[file.saved.pass].push_back(std::move(file));
  }
  if (first) {
    gathered.fingerprint_ = first->saved.fingerprint;
    gathered.data_ = first->saved.data;
  }
  for (auto& [name, parts] : by_pass) {
    std::sort(parts.begin(), parts.end(), [](const StatisticsFile& a, const StatisticsFile& b) {
      return std::pair(a.saved.batches.first, a.saved.batches.last) <
             std::pair(b.saved.batches.first, b.saved.batches.last);
    });
    require_every_batch_once(parts);
    Pass& pass = gathered.passes_[name];
    pass.batches = parts.front().saved.pass_batches;
    for (StatisticsFile& part : parts) pass.parts.push_back(std::move(part.saved.state));
  }
  return gathered;
}

const std::vector<ObserverState>& GatheredStatistics::of(const CalibrationRequest& pass) const {
  const auto found = passes_.find(pass.name);
  if (found == passes_.end()) {
    throw UsageError(
        cat("the statistics lack pass ", pass.name,
            ", which runs on the model as the passes before it have changed it; gather "
            "it, too, given the statistics of those"),
        {{Setting::kStatistics}});
  }
  if (found->second.batches != pass.batches) {
    throw InputError(cat("the statistics of pass ", pass.name, " are of ", found->second.batches,
                         " batches, but the pass has ", pass.batches));
  }
  return found->second.parts;
}

}  // namespace clipq
