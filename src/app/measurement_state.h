#pragma once

#include <filesystem>
#include <optional>

#include "clipq/core/json.h"

namespace clipq {

/// The folder in which a measurement that is under way keeps what it has, beside its output, so
/// that it can be continued after it was killed. One process at a time has it.
class MeasurementState {
 public:
  /// Makes the folder, or with `resume` takes one that an earlier run has left.
  /// @param output the file that the measurement is to write; the folder is OUTPUT.state
  /// @param inputs an object: all that the measurement depends on
  /// Throws InputError that names the keys in which the inputs of what is there differ, or if the
  /// folder is there and isn't such a one; UsageError if another process has it.
  MeasurementState(const std::filesystem::path& output, const Json& inputs, bool resume);
  const std::filesystem::path& folder() const { return folder_; }

  /// Removes it: the output has been written.
  void remove();

 private:
  /// Of a file; none other has it.
  class Lock {
   public:
    /// Throws InputError if the file can't be opened, UsageError if another process has it.
    explicit Lock(const std::filesystem::path& file);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    int descriptor_;
  };

  void clear() const;

  std::filesystem::path folder_;
  std::optional<Lock> lock_;
};

}  // namespace clipq
