#include "clipq/numerics/format.h"

#include <algorithm>

#include "clipq/core/find_named.h"

namespace clipq {

const std::vector<FormatInfo>& formats() {
  static const std::vector<FormatInfo> table = {
      {.format = Format::kInt8,
       .name = "int8",
       .comment = "8-bit integers (or fewer bits): symmetric, affine or twin",
       .layout = "",
       .is_float = false,
       .scaled = true,
       .weights_only = false,
       .bits = 8,
       .codes_per_byte = 1,
       .max = 0,
       .top_step = 1,
       .code_dtype = c10::kChar},
      {.format = Format::kInt4,
       .name = "int4",
       .comment = "4-bit integers, two a byte, for weights: symmetric or affine",
       .layout = "",
       .is_float = false,
       .scaled = true,
       .weights_only = true,
       .bits = 4,
       .codes_per_byte = 2,
       .max = 0,
       .top_step = 1,
       .code_dtype = c10::kByte},
      {.format = Format::kFp8E4M3,
       .name = "fp8_e4m3",
       .comment = "8-bit floats, 4 exponent bits, largest value 448",
       .layout = "(4, 3)",
       .is_float = true,
       .scaled = true,
       .weights_only = false,
       .bits = 8,
       .codes_per_byte = 1,
       .max = 448,
       .top_step = 32,
       .code_dtype = c10::kFloat8_e4m3fn},
      {.format = Format::kFp8E5M2,
       .name = "fp8_e5m2",
       .comment = "8-bit floats, 5 exponent bits, largest value 57344",
       .layout = "(5, 2)",
       .is_float = true,
       .scaled = true,
       .weights_only = false,
       .bits = 8,
       .codes_per_byte = 1,
       .max = 57344,
       .top_step = 8192,
       .code_dtype = c10::kFloat8_e5m2},
      {.format = Format::kFp16,
       .name = "fp16",
       .comment = "half-precision floats without a scale, for weights; largest value 65504",
       .layout = "(5, 10)",
       .is_float = true,
       .scaled = false,
       .weights_only = true,
       .bits = 16,
       .codes_per_byte = 1,
       .max = 65504,
       .top_step = 32,
       .code_dtype = c10::kHalf},
  };
  return table;
}

const FormatInfo& format_info(Format format) {
  return *std::find_if(formats().begin(), formats().end(),
                       [format](const FormatInfo& info) { return info.format == format; });
}

Format parse_format(const std::string& name, const std::string& where) {
  return find_named(formats(), name, "format", where).format;
}

}  // namespace clipq
