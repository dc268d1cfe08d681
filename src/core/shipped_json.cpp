#include "clipq/core/shipped_json.h"

#include <algorithm>
#include <filesystem>

#include "clipq/core/assets.h"

namespace clipq {
namespace {

constexpr const char* kSuffix = ".json";

}  // namespace

std::vector<std::string> shipped_names(const ShippedJson& kind) {
  std::vector<std::string> names;
  for (const std::string& asset_name : asset_names(kind.folder)) {
    names.push_back(std::filesystem::path(asset_name).stem().string());
  }
  return names;
}

Json shipped_or_file(const ShippedJson& kind, const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(kSuffix);
  if (is_path) return read_configuration(name);
  const std::vector<std::string> names = shipped_names(kind);
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw UsageError(cat("unknown ", kind.what, " \"", name, "\"", suggestion(name, names),
                         " Known: ", join(names, ", "), "; a file is given by its path"));
  }
  const std::string asset_name = cat(kind.folder, name, kSuffix);
  return parse_json(asset(asset_name), asset_name);
}

}  // namespace clipq
