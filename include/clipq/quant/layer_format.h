#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/quant/recipe.h"

namespace clipq {

/// A way in which any group of layers may be quantized.
struct LayerFormat {
  std::string name;
  std::optional<Recipe> recipe;  ///< whose rules hold for the group; nothing: it stays float
};

/// The format of that name: "float"; "int8", "int4", "fp8_e4m3" or "fp16", which are what a shipped
/// recipe makes of weights and inputs, in all layers; or a recipe by name or path.
/// Throws UsageError that names all of them, and what load_recipe() throws.
LayerFormat load_layer_format(const std::string& name);

/// The names that aren't recipes.
std::vector<std::string> layer_format_names();

}  // namespace clipq
