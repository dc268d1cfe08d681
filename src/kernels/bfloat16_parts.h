#pragma once

#include <cstdint>

namespace clipq {

/// A row of floats [width], each as the sum of two bfloat16 numbers, to 2^-17 of its size. What
/// isn't finite is all in the upper part.
void split_to_bfloat16(const float* x, std::int64_t width, std::uint16_t* upper,
                       std::uint16_t* lower);

/// Lines of `width` finite floats each, an even number of them, in two such parts as pairs of
/// neighbouring lines [count / 2][width]: the lower half of a word is the even line's.
/// @param lower null: all floats are bfloat16 numbers
void pair_as_bfloat16(const float* lines, std::int64_t count, std::int64_t width,
                      std::uint32_t* upper, std::uint32_t* lower);

}  // namespace clipq
