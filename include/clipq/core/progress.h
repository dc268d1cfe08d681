#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace clipq {

/// A progress bar on stderr: drawn only on a terminal, never with --quiet, at most ten times a
/// second, and wiped when it goes out of scope.
class Progress {
 public:
  /// @param label what is being done, in a few words
  /// @param total the number of steps; 0 if unknown
  Progress(std::string label, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Counts `steps` more as done. Throws Interrupted after Ctrl-C, so every long loop that shows
  /// progress can be stopped.
  void advance(std::int64_t steps = 1);

 private:
  void draw() const;

  std::string label_;
  std::int64_t total_;
  std::int64_t done_ = 0;
  bool visible_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_draw_;
};

}  // namespace clipq
