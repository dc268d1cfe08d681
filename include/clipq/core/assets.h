#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

namespace detail {
struct AssetRow {
  const char* name;
  const char* begin;
  const char* end;
};
extern const AssetRow kAssets[];
extern const std::size_t kAssetCount;
}  // namespace detail

/// A file that was compiled into the program, by its name, for instance "recipes/dq-clip.json".
/// Throws InternalError if there is none. The bytes live as long as the program.
std::string_view asset(std::string_view name);

/// The names of all assets that begin with `prefix`, sorted.
std::vector<std::string> asset_names(std::string_view prefix);

}  // namespace clipq
