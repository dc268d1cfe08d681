#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "clipq/data/most_items.h"

namespace clipq::cli {

/// Larger numbers are mistakes, and would exhaust the threads.
inline constexpr std::int64_t kMostThreads = 1024;

/// Checks of options' values: "--threads: got 0, expected an integer from 1 to 1024".
CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest);

/// A finite positive number, or a non-negative one.
CLI::Validator number_above_zero();
CLI::Validator number_from_zero();

}  // namespace clipq::cli
