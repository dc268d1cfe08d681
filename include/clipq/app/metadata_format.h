#pragma once

#include <optional>
#include <string>
#include <vector>

namespace clipq {

/// How the metadata of embeddings are stored.
enum class MetadataFormat { kParquet, kJsonl };

/// Names, in the order of the enumeration; a file's extension is "." and the name.
const std::vector<std::string>& metadata_formats();

const std::string& name_of(MetadataFormat format);

/// The format of that name. Throws UsageError that names `where`.
MetadataFormat parse_metadata_format(const std::string& name, const std::string& where);

/// Parquet if this build has it, else JSON lines.
MetadataFormat default_metadata_format();

/// What is stored with an embedding. All texts are valid UTF-8.
struct MetadataRow {
  std::string key;
  std::optional<std::string> caption;  ///< none: null in Parquet, absent from JSON
};

/// Returns a file's bytes. They depend on the rows alone.
using MetadataWriter = std::string (*)(const std::vector<MetadataRow>& rows);

/// The writer of a format. Throws UsageError if this build doesn't have it or can't load it.
MetadataWriter metadata_writer(MetadataFormat format);

}  // namespace clipq
