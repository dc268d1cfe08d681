#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "clipq/data/most_items.h"

namespace clipq::cli {

/// Beyond this, a number is a slip, and what it asks for would end in a lack of threads.
inline constexpr std::int64_t kMostThreads = 1024;

/// Checks of options' values: "--threads: got 0, expected a whole number from 1 to 1024".
CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest);

/// A finite number above 0, or of 0 or more.
CLI::Validator number_above_zero();
CLI::Validator number_from_zero();

}  // namespace clipq::cli
