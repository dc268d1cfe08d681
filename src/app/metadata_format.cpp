#include "clipq/app/metadata_format.h"

#include <dlfcn.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "parquet_module.h"

namespace clipq {
namespace {

constexpr bool kHasParquet = CLIPQ_HAS_PARQUET;

std::string json_lines(const std::vector<MetadataRow>& rows) {
  std::string text;
  for (const MetadataRow& row : rows) {
    Json line = {{"key", row.key}};
    if (row.caption) line["caption"] = *row.caption;
    text += line.dump() + "\n";
  }
  return text;
}

MetadataWriter load_parquet() {
  const char* const remedy =
      "; run scripts/setup.sh, which installs pyarrow, and build clipq again, or embed to a new "
      "folder with --metadata jsonl";
  if (!kHasParquet) throw UsageError(cat("this clipq was built without Parquet", remedy));
  void* const module = dlopen(kParquetModule, RTLD_NOW | RTLD_LOCAL);
  void* const function = module == nullptr ? nullptr : dlsym(module, kParquetFunction);
  if (function == nullptr) throw UsageError(cat("cannot load Parquet: ", dlerror(), remedy));
  return reinterpret_cast<MetadataWriter>(function);
}

}  // namespace

const std::vector<std::string>& metadata_formats() {
  static const std::vector<std::string> names = {"parquet", "jsonl"};
  return names;
}

const std::string& name_of(MetadataFormat format) {
  return metadata_formats()[static_cast<std::size_t>(format)];
}

MetadataFormat parse_metadata_format(const std::string& name, const std::string& where) {
  const std::vector<std::string>& names = metadata_formats();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<MetadataFormat>(found - names.begin());
  throw UsageError(cat(where, ": got \"", name, "\", expected one of ", join(names, ", ")));
}

MetadataFormat default_metadata_format() {
  return kHasParquet ? MetadataFormat::kParquet : MetadataFormat::kJsonl;
}

MetadataWriter metadata_writer(MetadataFormat format) {
  return format == MetadataFormat::kParquet ? load_parquet() : &json_lines;
}

}  // namespace clipq
