#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

// Included by sources that are compiled for one instruction set each. Everything here is a template
// over a type of that source's own unnamed namespace, so that no such code can stand in for
// another's when the program is linked; for the same reason it uses nothing of the library.

namespace clipq {

/// A tile of exactly `Rows` rows. `Dot` gives the vector type, how many of them a row has
/// (kVectors), and how codes and weights are read, multiplied and added up.
template <class Dot, int Rows>
void multiply_rows(const std::uint8_t* codes, std::ptrdiff_t stride, const std::int8_t* weight,
                   std::int64_t quads, const std::int8_t* ahead, std::ptrdiff_t ahead_step,
                   std::int32_t* out) {
  constexpr int kVectors = Dot::kVectors;
  typename Dot::Vector sums[Rows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v] = Dot::zero();
  }
  for (std::int64_t quad = 0; quad < quads; ++quad) {
    typename Dot::Weights weights[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) weights[v] = Dot::load(weight + v * Dot::kBytes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const auto row = Dot::broadcast(codes + r * stride);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[r][v] = Dot::add(sums[r][v], row, weights[v]);
    }
    __builtin_prefetch(ahead, 0, 2);
    ahead += ahead_step;
    codes += 4;
    weight += kVectors * Dot::kBytes;
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      Dot::store(out + (r * kVectors + v) * (Dot::kBytes / 4), sums[r][v]);
    }
  }
}

/// A tile of up to kRows rows.
template <class Dot, std::size_t... kFewer>
void multiply_tile(std::index_sequence<kFewer...> /*rows less 1*/, const std::uint8_t* codes,
                   std::ptrdiff_t stride, int rows, const std::int8_t* weight, std::int64_t quads,
                   const std::int8_t* ahead, std::ptrdiff_t ahead_step, std::int32_t* out) {
  using Function = void (*)(const std::uint8_t*, std::ptrdiff_t, const std::int8_t*, std::int64_t,
                            const std::int8_t*, std::ptrdiff_t, std::int32_t*);
  static constexpr Function kByRows[] = {multiply_rows<Dot, kFewer + 1>...};
  kByRows[rows - 1](codes, stride, weight, quads, ahead, ahead_step, out);
}

template <class Dot>
void multiply_tile(const std::uint8_t* codes, std::ptrdiff_t stride, int rows,
                   const std::int8_t* weight, std::int64_t quads, const std::int8_t* ahead,
                   std::ptrdiff_t ahead_step, std::int32_t* out) {
  multiply_tile<Dot>(std::make_index_sequence<Dot::kRows>(), codes, stride, rows, weight, quads,
                     ahead, ahead_step, out);
}

/// Four codes as one 32-bit word.
inline __attribute__((always_inline)) std::int32_t four_codes(const std::uint8_t* codes) {
  std::int32_t word;
  __builtin_memcpy(&word, codes, sizeof(word));
  return word;
}

}  // namespace clipq
