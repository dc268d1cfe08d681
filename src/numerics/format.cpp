#include "clipq/numerics/format.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

const std::vector<FormatInfo>& formats() {
  static const std::vector<FormatInfo> table = {
      {Format::kInt8, "int8", "8-bit integers (or 7 bits): symmetric, or affine uint8", false, 8,
       127, c10::kChar},
      {Format::kFp8E4M3, "fp8_e4m3", "8-bit floats, 4 exponent bits, largest value 448", true, 8,
       448, c10::kFloat8_e4m3fn},
      {Format::kFp8E5M2, "fp8_e5m2", "8-bit floats, 5 exponent bits, largest value 57344", true, 8,
       57344, c10::kFloat8_e5m2},
  };
  return table;
}

const FormatInfo& format_info(Format format) {
  return *std::find_if(formats().begin(), formats().end(),
                       [format](const FormatInfo& info) { return info.format == format; });
}

Format parse_format(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const FormatInfo& info : formats()) {
    if (name == info.name) return info.format;
    names.emplace_back(info.name);
  }
  throw UsageError(cat(where, ": unknown format \"", name, "\"", suggestion(name, names),
                       " Known: ", join(names, ", ")));
}

}  // namespace clipq
