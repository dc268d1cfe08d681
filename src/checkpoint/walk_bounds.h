#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace clipq {

/// Bounds of a walk through what a pickle holds: it may hold a thing many times, and in itself.
class WalkBounds {
 public:
  /// @param failure what to say if the walk doesn't end, with the file
  explicit WalkBounds(std::string failure) : failure_(std::move(failure)) {}

  /// Counts a module or a tensor. Throws InputError if it lies deeper than any model's, or if there
  /// are more of them, or longer paths in all, than in any.
  void count(const std::string& path, int depth);

 private:
  std::string failure_;
  std::size_t parts_ = 0;
  std::size_t path_bytes_ = 0;
};

}  // namespace clipq
