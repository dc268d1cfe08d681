#include "clipq/core/assets.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

std::string_view asset(std::string_view name) {
  for (std::size_t i = 0; i < detail::kAssetCount; ++i) {
    const detail::AssetRow& row = detail::kAssets[i];
    if (name == row.name) return {row.begin, static_cast<std::size_t>(row.end - row.begin)};
  }
  throw InternalError(cat("asset \"", name, "\" is not built into this program"));
}

std::vector<std::string> asset_names(std::string_view prefix) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < detail::kAssetCount; ++i) {
    if (std::string_view(detail::kAssets[i].name).starts_with(prefix))
      names.emplace_back(detail::kAssets[i].name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace clipq
