#include "clipq/model/layer_profile.h"

namespace clipq {

void LayerProfile::add(const std::string& layer, double seconds) {
  const std::lock_guard lock(mutex_);
  seconds_[layer] += seconds;
}

std::map<std::string, double> LayerProfile::seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_;
}

TimedLayer::~TimedLayer() {
  if (profile_ == nullptr) return;
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
  profile_->add(layer_, time.count() / threads_);
}

}  // namespace clipq
