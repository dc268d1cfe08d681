#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace clipq {

/// Whether Progress draws from now on. Until the first call it doesn't.
void show_progress(bool shown);

/// A progress bar on stderr with rate and time left: drawn only on a terminal and if
/// show_progress() says so, at most ten times a second, and wiped when it goes out of scope.
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

/// What a part of long work costs: work in some unit that takes about equally long everywhere, and
/// time that is known before.
struct PartCost {
  double work = 0;
  double seconds = 0;
};

/// How far work of several parts has come. While it lives every Progress shows it in front: its
/// part, of how many, and the time left for all. There is one at a time.
class OverallProgress {
 public:
  explicit OverallProgress(std::vector<PartCost> parts);
  ~OverallProgress();
  OverallProgress(const OverallProgress&) = delete;
  OverallProgress& operator=(const OverallProgress&) = delete;

  /// Begins the next part. Throws Interrupted after Ctrl-C.
  void begin();

  /// Ends the part that was begun; `worked` is false if there was nothing to do for it.
  void end(bool worked);

  /// "3 of 12", with ", about 14 min left" behind it once a part has shown how long work takes.
  std::string text() const;

 private:
  double part_seconds() const;

  std::vector<PartCost> parts_;
  std::size_t begun_ = 0;
  bool running_ = false;  ///< whether a part has begun and not ended
  double worked_ = 0;     ///< work of parts that ended, and the seconds that it took
  double worked_seconds_ = 0;
  std::chrono::steady_clock::time_point part_start_;
};

}  // namespace clipq
