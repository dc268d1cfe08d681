#include "../parquet_module.h"

#include <arrow/io/memory.h>
#include <parquet/exception.h>
#include <parquet/stream_writer.h>

#include <memory>

#include "clipq/core/strings.h"
#include "clipq/core/version.h"

namespace clipq {
namespace {

constexpr const char* kKey = "key";
constexpr const char* kCaption = "caption";

std::shared_ptr<parquet::schema::GroupNode> schema() {
  const auto text = [](const char* name, parquet::Repetition::type repetition) {
    return parquet::schema::PrimitiveNode::Make(name, repetition, parquet::LogicalType::String(),
                                                parquet::Type::BYTE_ARRAY);
  };
  return std::static_pointer_cast<parquet::schema::GroupNode>(parquet::schema::GroupNode::Make(
      "schema", parquet::Repetition::REQUIRED,
      {text(kKey, parquet::Repetition::REQUIRED), text(kCaption, parquet::Repetition::OPTIONAL)}));
}

/// Zstandard's output is the same on all processors, which Snappy's need not be. Keys are unique,
/// so a dictionary of them would only take space.
std::shared_ptr<parquet::WriterProperties> properties() {
  return parquet::WriterProperties::Builder()
      .created_by(cat("clipq version ", kVersion))
      ->compression(parquet::Compression::ZSTD)
      ->disable_dictionary(kKey)
      ->build();
}

}  // namespace

std::string clipq_parquet_metadata(const std::vector<MetadataRow>& rows) {
  PARQUET_ASSIGN_OR_THROW(const auto bytes, arrow::io::BufferOutputStream::Create());
  auto writer = parquet::ParquetFileWriter::Open(bytes, schema(), properties());
  parquet::ParquetFileWriter& file = *writer;
  parquet::StreamWriter out(std::move(writer));
  for (const MetadataRow& row : rows) out << row.key << row.caption << parquet::EndRow;
  file.Close();  // the destructor would hide a failure
  PARQUET_ASSIGN_OR_THROW(const auto buffer, bytes->Finish());
  return buffer->ToString();
}

}  // namespace clipq
