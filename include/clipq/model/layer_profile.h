#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace clipq {

/// Time spent by layer. May be added to from several threads at once.
class LayerProfile {
 public:
  /// Wall-clock seconds: of work that threads share, each adds its own divided by their number.
  void add(const std::string& layer, double seconds);

  std::map<std::string, double> seconds() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, double> seconds_;
};

/// Adds the time between its construction and its destruction to a profile, if there is one.
class TimedLayer {
 public:
  /// @param threads that work on the layer at the same time, each with a TimedLayer of its own
  TimedLayer(LayerProfile* profile, const std::string& layer, int threads = 1)
      : profile_(profile), layer_(layer), threads_(threads) {
    if (profile_ != nullptr) start_ = std::chrono::steady_clock::now();
  }
  ~TimedLayer();
  TimedLayer(const TimedLayer&) = delete;
  TimedLayer& operator=(const TimedLayer&) = delete;

 private:
  LayerProfile* profile_;
  const std::string& layer_;
  int threads_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace clipq
