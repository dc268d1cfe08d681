#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace clipq {

/// Buffers of calls that have ended, for those to come. Calls of several threads don't get the
/// same.
template <class Buffers>
class IdlePool {
 public:
  /// One that is idle; null if there is none.
  std::unique_ptr<Buffers> borrow() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    std::unique_ptr<Buffers> buffers = std::move(idle_.back());
    idle_.pop_back();
    return buffers;
  }

  void give_back(std::unique_ptr<Buffers> buffers) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(buffers));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Buffers>> idle_;
};

}  // namespace clipq
