#pragma once

#include <string>
#include <vector>

#include "clipq/app/metadata_format.h"
#include "clipq/core/export.h"

namespace clipq {

/// All that uses Arrow is in a module that is loaded when Parquet is written: loading Arrow takes
/// 15 ms, which other commands needn't wait for.
inline constexpr const char* kParquetModule = "libclipq_parquet.so";
inline constexpr const char* kParquetFunction = "clipq_parquet_metadata";

/// The MetadataWriter of Parquet.
extern "C" CLIPQ_EXPORT std::string clipq_parquet_metadata(const std::vector<MetadataRow>& rows);

}  // namespace clipq
