#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "clipq/quant/calibrate.h"

namespace clipq {

/// The statistics of a calibration's passes, each gathered in parts by several workers.
class GatheredStatistics {
 public:
  /// Reads the workers' files, in any order. Throws InputError if one can't be read or is damaged,
  /// if they aren't all of one calibration, or if the parts of a pass overlap or leave a gap.
  static GatheredStatistics read(const std::vector<std::filesystem::path>& files);

  bool empty() const { return passes_.empty(); }

  /// Of all that the statistics depend on.
  const std::string& fingerprint() const { return fingerprint_; }

  /// The description of the data that the workers wrote.
  const std::string& data() const { return data_; }

  bool has(const std::string& pass) const { return passes_.count(pass) > 0; }

  /// The parts of a pass, in the order of their batches. Throws UsageError if there are none,
  /// InputError if they are of more or fewer batches than the pass has.
  const std::vector<ObserverState>& of(const CalibrationRequest& pass) const;

 private:
  struct Pass {
    std::int64_t batches;
    std::vector<ObserverState> parts;
  };

  std::string fingerprint_;
  std::string data_;
  std::map<std::string, Pass> passes_;
};

}  // namespace clipq
