#pragma once

#include <CLI/CLI.hpp>

namespace clipq::cli {

/// Options by which other tools choose a format, such as --precision, for `clipq quantize`: each
/// throws UsageError that names the recipes to pass instead. Neither --help nor completion has
/// them.
void add_recipe_habits(CLI::App& command);

}  // namespace clipq::cli
