#include "bfloat16_parts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bfloat16_parts.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

#include "for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::uint32_t kUpperHalf = 0xFFFF0000U;
constexpr std::uint32_t kHalfOfLowest = 0x8000U;
constexpr std::uint32_t kExponent = 0x7F800000U;
constexpr std::uint32_t kQuietBit = 0x00400000U;

/// The bits of both parts, in the upper halves of words.
template <class D>
HWY_INLINE void Split(D d, hn::Vec<D> x, hn::Vec<hn::RebindToUnsigned<D>>& upper,
                      hn::Vec<hn::RebindToUnsigned<D>>& lower) {
  const hn::RebindToUnsigned<D> words;
  const auto mask = hn::Set(words, kUpperHalf);
  const auto half = hn::Set(words, kHalfOfLowest);
  const auto exponent = hn::Set(words, kExponent);
  const auto bits = hn::BitCast(words, x);
  const auto rounded = hn::And(hn::Add(bits, half), mask);
  const auto is_finite = hn::Ne(hn::And(bits, exponent), exponent);
  // Rounding up may leave the range.
  const auto stays_finite = hn::Ne(hn::And(rounded, exponent), exponent);
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(x));
  const auto cut =
      hn::Or(hn::And(bits, mask), hn::IfThenElseZero(is_nan, hn::Set(words, kQuietBit)));
  upper = hn::IfThenElse(hn::And(is_finite, stays_finite), rounded, cut);
  const auto rest = hn::BitCast(words, hn::Sub(x, hn::BitCast(d, upper)));
  lower = hn::IfThenElseZero(is_finite, hn::And(hn::Add(rest, half), mask));
}

template <class D, class V>
HWY_INLINE void StoreUpperHalves(D /*words*/, V bits, std::uint16_t* out) {
  const hn::Rebind<std::uint16_t, D> halves;
  hn::StoreU(hn::TruncateTo(halves, hn::ShiftRight<16>(bits)), halves, out);
}

void SplitToBfloat16(const float* x, std::int64_t width, std::uint16_t* upper,
                     std::uint16_t* lower) {
  ForEachVector(width, [=](auto d, std::int64_t i) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> words;
    auto first = hn::Zero(words);
    auto second = hn::Zero(words);
    Split(d, hn::LoadU(d, x + i), first, second);
    StoreUpperHalves(words, first, upper + i);
    StoreUpperHalves(words, second, lower + i);
  });
}

/// Two words' upper halves as one word.
template <class D, class V>
HWY_INLINE V Pair(D words, V even, V odd) {
  return hn::Or(hn::ShiftRight<16>(even), hn::And(odd, hn::Set(words, kUpperHalf)));
}

/// What cutting off the lower half of a finite float's bits leaves, rounded as if that were cut off
/// in turn.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> Rest(D d, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> words;
  const auto cut = hn::And(hn::BitCast(words, x), hn::Set(words, kUpperHalf));
  const auto rest = hn::Sub(x, hn::BitCast(d, cut));
  return hn::Add(hn::BitCast(words, rest), hn::Set(words, kHalfOfLowest));
}

void PairAsBfloat16(const float* lines, std::int64_t count, std::int64_t width,
                    std::uint32_t* upper, std::uint32_t* lower) {
  for (std::int64_t line = 0; line < count; line += 2) {
    const float* even = lines + line * width;
    const std::int64_t place = line / 2 * width;
    ForEachVector(width, [=](auto d, std::int64_t i) HWY_ATTR {
      const hn::RebindToUnsigned<decltype(d)> words;
      const auto x = hn::LoadU(d, even + i);
      const auto y = hn::LoadU(d, even + width + i);
      hn::StoreU(Pair(words, hn::BitCast(words, x), hn::BitCast(words, y)), words,
                 upper + place + i);
      if (lower == nullptr) return;
      hn::StoreU(Pair(words, Rest(d, x), Rest(d, y)), words, lower + place + i);
    });
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(SplitToBfloat16);
HWY_EXPORT(PairAsBfloat16);

void split_to_bfloat16(const float* x, std::int64_t width, std::uint16_t* upper,
                       std::uint16_t* lower) {
  HWY_DYNAMIC_DISPATCH(SplitToBfloat16)(x, width, upper, lower);
}

void pair_as_bfloat16(const float* lines, std::int64_t count, std::int64_t width,
                      std::uint32_t* upper, std::uint32_t* lower) {
  HWY_DYNAMIC_DISPATCH(PairAsBfloat16)(lines, count, width, upper, lower);
}

}  // namespace clipq
#endif
