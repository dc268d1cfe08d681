#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "clipq/core/files.h"

namespace clipq::testing {

/// A file of tests/golden/data/images.
inline std::filesystem::path golden_image(const std::string& name) {
  return std::filesystem::path(CLIPQ_TEST_DATA) / "images" / name;
}

/// Copies the golden picture to `target`, making its folders.
inline void place_image(const std::filesystem::path& target, const std::string& name = "grey.png") {
  std::filesystem::create_directories(target.parent_path());
  std::filesystem::copy_file(golden_image(name), target);
}

/// What `action` throws; a failed test and "" if it throws no E.
template <typename E, typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const E& failure) {
    return failure.what();
  } catch (const std::exception& other) {
    ADD_FAILURE() << "another exception: " << other.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace clipq::testing
