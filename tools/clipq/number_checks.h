#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace clipq::cli {

/// Beyond these, numbers are slips, and what they ask for would end in a lack of memory or threads.
inline constexpr std::int64_t kMostItems = 1'000'000'000;
inline constexpr std::int64_t kMostThreads = 1024;

/// Checks of options' values: "--threads: got 0, expected a whole number from 1 to 1024".
CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest);

/// A finite number above 0, or of 0 or more.
CLI::Validator number_above_zero();
CLI::Validator number_from_zero();

}  // namespace clipq::cli
