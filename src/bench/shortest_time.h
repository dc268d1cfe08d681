#pragma once

#include <functional>

namespace clipq {

/// The shortest of several runs, in seconds: as many as take 0.15 seconds, long enough that a core
/// which another program holds up gets its turn.
double shortest_seconds(const std::function<void()>& run);

}  // namespace clipq
