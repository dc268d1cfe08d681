#pragma once

#include <filesystem>

#include "clipq/core/json.h"

namespace clipq {

/// The folder in which a measurement that is under way keeps what it has, beside its output, so
/// that it can be continued after it was killed.
class MeasurementState {
 public:
  /// Makes the folder, or with `resume` takes one that an earlier run has left.
  /// @param output the file that the measurement is to write; the folder is OUTPUT.state
  /// @param inputs an object: all that the measurement depends on
  /// Throws InputError that names the keys in which the inputs of what is there differ, or if the
  /// folder is there and isn't such a one.
  MeasurementState(const std::filesystem::path& output, const Json& inputs, bool resume);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

/// Removes what a measurement with that output has kept.
void remove_state(const std::filesystem::path& output);

}  // namespace clipq
