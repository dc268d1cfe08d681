#pragma once

#include <string>

namespace clipq {

/// The keys in which two fingerprints differ, which are JSON objects: "recipe, data"; empty if they
/// are equal.
std::string differing_keys(const std::string& a, const std::string& b);

}  // namespace clipq
