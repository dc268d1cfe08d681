#pragma once

#include <functional>

namespace clipq {

/// Runs the work of a public function. Exceptions that aren't clipq's own become an Error, or
/// std::bad_alloc if they tell of lacking memory.
void with_own_errors(const std::function<void()>& work);

}  // namespace clipq
