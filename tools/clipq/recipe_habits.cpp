#include "recipe_habits.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "clipq/core/enumeration.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/quant/recipe.h"

namespace clipq::cli {
namespace {

/// What other tools call a format or a method, and the shipped recipes that are meant.
struct Habit {
  std::vector<std::string> names;  ///< lower case, hyphens
  std::vector<std::string> recipes;
  std::vector<std::string> weight_recipes;  ///< where only weights are spoken of
};

const std::vector<Habit>& habits() {
  static const std::vector<Habit> table = {
      {{"int8", "i8", "qint8", "8", "w8a8"}, {"int8-dynamic", "int8-smooth"}, {"int8-weight-only"}},
      {{"int4", "i4", "4", "w4a16", "int4-awq"}, {"int4-weight-only"}, {"int4-weight-only"}},
      {{"w4a8"}, {"int4-dynamic"}, {"int4-weight-only"}},
      {{"fp8", "f8", "f8e4m3", "e4m3", "fp8-e4m3", "float8"},
       {"fp8-max", "fp8-weight-only"},
       {"fp8-weight-only"}},
      {{"fp16", "f16", "half", "float16"}, {"fp16"}, {"fp16"}},
      {{"dynamic"}, {"int8-dynamic"}, {"int8-weight-only"}},
      {{"static"}, {"int8-smooth", "int8-static"}, {"int8-weight-only"}},
      {{"int8-sq", "smoothquant"}, {"int8-smooth"}, {"int8-weight-only"}},
      {{"weight-only", "weights", "w8a16", "int8-wo"},
       {"int8-weight-only", "fp8-weight-only", "int4-weight-only"},
       {"int8-weight-only", "fp8-weight-only", "int4-weight-only"}},
  };
  return table;
}

/// "fp8-max (with --calib-data)"
std::string with_needs(const std::string& recipe) {
  const bool needs_data = load_recipe(recipe, {}).json.contains("calibration");
  return cat("--recipe ", recipe, needs_data ? " (with --calib-data)" : " (no data needed)");
}

std::string normalized(std::string name) {
  for (char& c : name) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

[[noreturn]] void answer(const std::string& option, const std::string& value, bool weights) {
  const std::string lead = cat(option, ": clipq chooses formats by recipe; ");
  for (const Habit& habit : habits()) {
    const auto& names = habit.names;
    if (std::find(names.begin(), names.end(), normalized(value)) == names.end()) continue;
    std::vector<std::string> recipes;
    for (const std::string& each : weights ? habit.weight_recipes : habit.recipes) {
      recipes.push_back(with_needs(each));
    }
    throw UsageError(cat(lead, "for ", value, " pass ", enumeration(recipes, "or")));
  }
  throw UsageError(cat(lead, value.empty() ? "" : cat("there is none for \"", value, "\"; "),
                       "pass --recipe with one of ", join(recipe_names(), ", "),
                       ", or a file of your own"));
}

}  // namespace

void add_recipe_habits(CLI::App& command) {
  // Of Optimum, OpenVINO and Model Optimizer.
  for (const std::string option :
       {"--precision", "--quant-mode", "--quantize-mode", "--qformat", "--weight-format"}) {
    const bool weights = option == "--weight-format";
    command
        .add_option_function<std::string>(
            option, [option, weights](const std::string& value) { answer(option, value, weights); })
        ->expected(0, 1)
        ->group("");
  }
}

}  // namespace clipq::cli
