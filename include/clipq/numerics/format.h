#pragma once

#include <c10/core/ScalarType.h>

#include <string>
#include <vector>

namespace clipq {

/// A number format that tensors are quantized to.
enum class Format { kInt8, kInt4, kFp8E4M3, kFp8E5M2, kFp16 };

/// What a format can represent and how it is stored.
struct FormatInfo {
  Format format;
  const char* name;            ///< as recipes spell it
  const char* comment;         ///< for `clipq list formats`
  const char* layout;          ///< "(exponent, mantissa)" of a float, else empty
  bool is_float;               ///< a float rather than an integer format
  bool scaled;                 ///< whether values are divided by a scale; else the scale is 1
  bool weights_only;           ///< whether activations can't have it
  int bits;                    ///< bits a code unless a recipe asks for fewer
  int codes_per_byte;          ///< codes packed into a byte along a row; 1: not packed
  double max;                  ///< largest magnitude of a float code
  double top_step;             ///< from the largest code to the next
  c10::ScalarType code_dtype;  ///< storage of symmetric codes (affine integers are uint8)
};

/// All formats.
const std::vector<FormatInfo>& formats();

/// The row of one format.
const FormatInfo& format_info(Format format);

/// The format of that name. Throws UsageError with a suggestion; `where` says where the name stood.
Format parse_format(const std::string& name, const std::string& where);

}  // namespace clipq
