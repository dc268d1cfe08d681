#pragma once

#include <c10/core/ScalarType.h>

#include <array>

namespace clipq {

/// A type of the safetensors format.
struct SafetensorsType {
  const char* name;
  at::ScalarType type;
};

inline constexpr std::array<SafetensorsType, 12> kSafetensorsTypes = {
    {{"F32", at::kFloat},
     {"F16", at::kHalf},
     {"BF16", at::kBFloat16},
     {"F64", at::kDouble},
     {"I64", at::kLong},
     {"I32", at::kInt},
     {"I16", at::kShort},
     {"I8", at::kChar},
     {"U8", at::kByte},
     {"BOOL", at::kBool},
     {"F8_E4M3", at::kFloat8_e4m3fn},
     {"F8_E5M2", at::kFloat8_e5m2}}};

/// The key of a header that holds texts instead of a tensor.
inline constexpr const char* kSafetensorsMetadata = "__metadata__";

}  // namespace clipq
