#include "clipq/quant/layer_format.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kFloatLayers = "float";

/// What a format is made of: a shipped recipe, and rules that undo its exceptions.
struct FormatRow {
  const char* name;
  const char* recipe;
  std::vector<std::string> overrides;
};

const std::vector<FormatRow>& format_rows() {
  static const std::vector<FormatRow> table = {
      {"int4",
       "int4-dynamic",
       {"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=group:64",
        "*.weight_quantizer.scale_dtype=float16"}},
      {"int8", "int8-dynamic", {}},
      {"fp8_e4m3", "fp8-max", {"visual.conv1.*.enable=true", "token_embedding.*.enable=true"}},
      {"fp16", "fp16", {}},
  };
  return table;
}

bool is_file_or_recipe(const std::string& name) {
  const std::vector<std::string> recipes = recipe_names();
  return name.find('/') != std::string::npos || name.ends_with(".json") ||
         std::find(recipes.begin(), recipes.end(), name) != recipes.end();
}

}  // namespace

std::vector<std::string> layer_format_names() {
  std::vector<std::string> names;
  for (const FormatRow& row : format_rows()) names.emplace_back(row.name);
  names.emplace_back(kFloatLayers);
  return names;
}

LayerFormat load_layer_format(const std::string& name) {
  if (name == kFloatLayers) return {name, std::nullopt};
  for (const FormatRow& row : format_rows()) {
    if (name == row.name) return {name, load_recipe(row.recipe, row.overrides)};
  }
  if (is_file_or_recipe(name)) return {name, load_recipe(name, {})};
  std::vector<std::string> known = layer_format_names();
  for (const std::string& recipe : recipe_names()) known.push_back(recipe);
  throw UsageError(cat("unknown format \"", name, "\"", suggestion(name, known),
                       " Known: ", join(known, ", "), ", or a recipe's path"));
}

}  // namespace clipq
