#pragma once

#include <map>
#include <string>
#include <vector>

#include "clipq/app/run_command.h"
#include "clipq/app/run_file.h"

namespace clipq {

/// What the items of a run are made from, as JSON that identifies finished ones: contents rather
/// than names of files. Data are read once per run.
class RunInputs {
 public:
  explicit RunInputs(const RunOptions& options) : options_(options) {}

  /// @param sha256 of the checkpoint
  Json quantize(const std::string& sha256, const RunFile& run, const RunRecipe& recipe,
                const std::string& component);

  /// @param models digests of the files, the baseline first
  Json task(const std::vector<std::string>& models, const RunTask& task, const RunData& data);

  Json bench(const std::vector<std::string>& models, const LatencyOptions& latency) const;

 private:
  Json common() const;
  Json running() const;
  const Json& data_set(const RunData& data, std::int64_t limit);
  const Json& training_part(const RunData& data, const RunTask& task);

  const RunOptions& options_;
  std::map<std::string, Json> data_sets_;
};

}  // namespace clipq
