#include "walk_bounds.h"

#include "clipq/core/error.h"

namespace clipq {
namespace {

constexpr int kDeepest = 64;
constexpr std::size_t kMostParts = 1'000'000;
constexpr std::size_t kMostPathBytes = 64U << 20;

}  // namespace

void WalkBounds::count(const std::string& path, int depth) {
  path_bytes_ += path.size();
  if (depth <= kDeepest && ++parts_ <= kMostParts && path_bytes_ <= kMostPathBytes) return;
  throw InputError(failure_);
}

}  // namespace clipq
