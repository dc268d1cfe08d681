#pragma once

#include <cstdint>

namespace clipq {

/// FP8 numbers that are finite as bfloat16, which holds all of them; on processors with
/// AVX512-BF16.
/// @param count a multiple of 32
/// @param out 64-byte aligned
void e4m3_to_bfloat16(const std::uint8_t* codes, std::int64_t count, std::uint16_t* out);
void e5m2_to_bfloat16(const std::uint8_t* codes, std::int64_t count, std::uint16_t* out);

}  // namespace clipq
