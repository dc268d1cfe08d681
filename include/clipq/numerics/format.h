#pragma once

#include <c10/core/ScalarType.h>

#include <string>
#include <vector>

namespace clipq {

/// A number format that tensors are quantized to.
enum class Format { kInt8, kFp8E4M3, kFp8E5M2 };

/// What a format can represent and how it is stored.
struct FormatInfo {
  Format format;
  const char* name;            ///< as recipes spell it
  const char* comment;         ///< for `clipq list formats`
  bool is_float;               ///< a float8 rather than an integer format
  int bits;                    ///< bits a code unless a recipe asks for fewer
  double max;                  ///< largest magnitude of a code; for integers that of 8 bits
  c10::ScalarType code_dtype;  ///< storage of symmetric codes (affine int8 codes are uint8)
};

/// All formats.
const std::vector<FormatInfo>& formats();

/// The row of one format.
const FormatInfo& format_info(Format format);

/// The format of that name. Throws UsageError with a suggestion; `where` says where the name stood.
Format parse_format(const std::string& name, const std::string& where);

}  // namespace clipq
