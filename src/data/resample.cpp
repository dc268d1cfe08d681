#include "resample.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "resample.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int32_t kHalf = 1 << (kTapFractionBits - 1);

#if HWY_TARGET == HWY_SCALAR

template <int kRows>
void ResampleRowsAs(const RowTaps& taps, const std::uint8_t* source, std::size_t stride,
                    std::uint8_t* out) {
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t i = 0; i < 3 * taps.columns(); ++i) {
      const std::uint8_t* from = source + row * stride + *taps.first_bytes(i / 3) + i % 3;
      std::int32_t sum = kHalf;
      for (std::size_t tap = 0; tap < taps.groups() * RowTaps::kGroup; ++tap) {
        sum += taps.weight(i / 3, tap) * from[3 * tap];
      }
      *out++ = static_cast<std::uint8_t>(std::clamp(sum >> kTapFractionBits, 0, 255));
    }
  }
}

#else

/// Up to four output pixels, each in a block of 16 bytes.
using Halves = hn::CappedTag<std::int16_t, 32>;
using Sums = hn::Repartition<std::int32_t, Halves>;
using Bytes = hn::Repartition<std::uint8_t, Halves>;

/// The 16 bytes that begin at each block's own place.
template <class D>
HWY_INLINE hn::Vec<D> LoadBlocks(D d, const std::uint8_t* source, const std::size_t* first_byte) {
  if constexpr (hn::MaxLanes(d) <= 16) {
    return hn::LoadU(d, source + *first_byte);
  } else {
    const hn::Half<D> half;
    constexpr std::size_t kBlocks = hn::MaxLanes(half) / 16;
    return hn::Combine(d, LoadBlocks(half, source, first_byte + kBlocks),
                       LoadBlocks(half, source, first_byte));
  }
}

/// Of each block's three pixels of sums; the fourth sum of each counts nothing.
template <int kRows>
HWY_INLINE void StorePixels(const hn::Vec<Sums> (&sums)[kRows], std::size_t pixels,
                            std::uint8_t* out, std::size_t out_stride) {
  HWY_ALIGN static constexpr std::uint8_t kWithoutFourth[16] = {0,  1,  2,  4,  5, 6, 8, 9,
                                                                10, 12, 13, 14, 0, 0, 0, 0};
  const hn::Rebind<std::uint8_t, Sums> bytes;
  const std::size_t all = hn::Lanes(bytes) / 4;
  for (const auto& sum : sums) {
    const auto rgbx = hn::DemoteTo(bytes, hn::ShiftRight<kTapFractionBits>(sum));
    const auto rgb = hn::TableLookupBytes(rgbx, hn::LoadU(bytes, kWithoutFourth));
    if (pixels > all + 1) {
      hn::StoreU(rgb, bytes, out);  // up to four bytes behind these pixels are written next
    } else {
      HWY_ALIGN std::uint8_t last[16];
      hn::StoreU(rgb, bytes, last);
      std::memcpy(out, last, 3 * std::min(pixels, all));
    }
    out += out_stride;
  }
}

/// As many output pixels as a vector has blocks, from `column` on, of `kRows` rows.
template <int kRows>
HWY_INLINE void ResamplePixels(const RowTaps& taps, std::size_t column, const std::uint8_t* source,
                               std::size_t stride, std::uint8_t* out, std::size_t out_stride) {
  constexpr std::uint8_t kZero = 0x80;
  // Two pixels as three pairs of 16 bits, one for each channel.
  HWY_ALIGN static constexpr std::uint8_t kFirstPair[16] = {
      0, kZero, 3, kZero, 1, kZero, 4, kZero, 2, kZero, 5, kZero, kZero, kZero, kZero, kZero};
  HWY_ALIGN static constexpr std::uint8_t kSecondPair[16] = {
      6, kZero, 9, kZero, 7, kZero, 10, kZero, 8, kZero, 11, kZero, kZero, kZero, kZero, kZero};
  const Halves halves;
  const Sums d;
  const Bytes bytes;
  const auto first_pair = hn::LoadDup128(bytes, kFirstPair);
  const auto second_pair = hn::LoadDup128(bytes, kSecondPair);
  hn::Vec<Sums> high[kRows];
  hn::Vec<Sums> low[kRows];
  // Where an instruction set sums no pairs, the others of them are here.
  hn::Vec<Sums> high_rest[kRows];
  hn::Vec<Sums> low_rest[kRows];
  for (int r = 0; r < kRows; ++r) {
    high[r] = low[r] = hn::Zero(d);
    high_rest[r] = low_rest[r] = hn::Zero(d);
  }
  const auto add = [&](auto pixels, auto weights, hn::Vec<Sums>& sum,
                       hn::Vec<Sums>& rest) HWY_ATTR {
    sum = hn::ReorderWidenMulAccumulate(d, pixels, hn::BitCast(halves, weights), sum, rest);
  };
  for (std::size_t group = 0; group < taps.groups(); ++group) {
    const auto weights = hn::BitCast(d, hn::LoadU(halves, taps.weights(group, column)));
    const std::uint8_t* from = source + group * RowTaps::kGroup * 3;
    for (int r = 0; r < kRows; ++r) {
      const auto block = LoadBlocks(bytes, from + r * stride, taps.first_bytes(column));
      const auto first = hn::BitCast(halves, hn::TableLookupBytesOr0(block, first_pair));
      const auto second = hn::BitCast(halves, hn::TableLookupBytesOr0(block, second_pair));
      add(first, hn::Broadcast<0>(weights), high[r], high_rest[r]);
      add(first, hn::Broadcast<1>(weights), low[r], low_rest[r]);
      add(second, hn::Broadcast<2>(weights), high[r], high_rest[r]);
      add(second, hn::Broadcast<3>(weights), low[r], low_rest[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const auto upper = hn::RearrangeToOddPlusEven(high[r], high_rest[r]);
    const auto lower = hn::RearrangeToOddPlusEven(low[r], low_rest[r]);
    high[r] = hn::Add(hn::Add(hn::ShiftLeft<RowTaps::kLowBits>(upper), lower), hn::Set(d, kHalf));
  }
  StorePixels<kRows>(high, taps.columns() - column, out, out_stride);
}

template <int kRows>
void ResampleRowsAs(const RowTaps& taps, const std::uint8_t* source, std::size_t stride,
                    std::uint8_t* out) {
  const std::size_t step = hn::Lanes(Sums()) / 4;
  for (std::size_t column = 0; column < taps.columns(); column += step) {
    ResamplePixels<kRows>(taps, column, source, stride, out + 3 * column, 3 * taps.columns());
  }
}

#endif

void ResampleRows(const RowTaps& taps, const std::uint8_t* source, std::size_t stride,
                  std::size_t rows, std::uint8_t* out) {
  if (rows == RowResampler::kRows) {
    return ResampleRowsAs<RowResampler::kRows>(taps, source, stride, out);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    ResampleRowsAs<1>(taps, source + r * stride, stride, out + r * taps.columns() * 3);
  }
}

template <class D>
HWY_INLINE void SumColumn(D d, const std::uint8_t* rows, std::size_t stride, const Taps& taps,
                          std::uint8_t* out) {
  const hn::Rebind<std::uint8_t, D> bytes;
  auto sum = hn::Set(d, kHalf);
  for (const std::int32_t weight : taps.weights) {
    sum = hn::Add(sum, hn::Mul(hn::PromoteTo(d, hn::LoadU(bytes, rows)), hn::Set(d, weight)));
    rows += stride;
  }
  hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kTapFractionBits>(sum)), bytes, out);
}

void ResampleColumn(const std::uint8_t* rows, std::size_t stride, const Taps& taps,
                    std::size_t count, std::uint8_t* out) {
  const hn::CappedTag<std::int32_t, 16> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) SumColumn(d, rows + i, stride, taps, out + i);
  const hn::CappedTag<std::int32_t, 1> one;
  for (; i < count; ++i) SumColumn(one, rows + i, stride, taps, out + i);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(ResampleRows);
HWY_EXPORT(ResampleColumn);

RowTaps::RowTaps(const std::vector<Taps>& columns, int origin) : columns_(columns.size()) {
  std::size_t most = 0;
  for (const Taps& taps : columns) most = std::max(most, taps.weights.size());
  groups_ = (most + kGroup - 1) / kGroup;
  stored_ = (columns_ + kMostAtOnce - 1) / kMostAtOnce * kMostAtOnce;
  weights_.resize(groups_ * stored_ * 2 * kGroup);
  for (std::size_t column = 0; column < columns_; ++column) {
    first_bytes_.push_back(3 * static_cast<std::size_t>(columns[column].first - origin));
    for (std::size_t tap = 0; tap < columns[column].weights.size(); ++tap) {
      const std::int32_t weight = columns[column].weights[tap];
      std::int16_t* parts = weights_.data() + place_of(column, tap);
      parts[0] = static_cast<std::int16_t>(weight >> kLowBits);
      parts[2] = static_cast<std::int16_t>(weight & ((1 << kLowBits) - 1));
    }
  }
  first_bytes_.resize(stored_, first_bytes_.back());
}

std::size_t RowTaps::place_of(std::size_t column, std::size_t tap) const {
  const std::size_t within = tap % kGroup;
  return (tap / kGroup * stored_ + column) * 2 * kGroup + within / 2 * 4 + within % 2;
}

std::int32_t RowTaps::weight(std::size_t column, std::size_t tap) const {
  const std::int16_t* parts = weights_.data() + place_of(column, tap);
  return parts[0] * (1 << kLowBits) + parts[2];
}

RowResampler::RowResampler(const std::vector<Taps>& columns, int origin) : taps_(columns, origin) {}

void RowResampler::resample(std::span<const std::uint8_t* const> rows, std::size_t pixels,
                            std::uint8_t* out) {
  const std::size_t stride = pixels * 3 + taps_.read_ahead();
  padded_.resize(rows.size() * stride);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::memcpy(padded_.data() + r * stride, rows[r], pixels * 3);
  }
  HWY_DYNAMIC_DISPATCH(ResampleRows)(taps_, padded_.data(), stride, rows.size(), out);
}

void resample_column(const std::uint8_t* rows, std::size_t stride, const Taps& taps,
                     std::size_t count, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(ResampleColumn)(rows, stride, taps, count, out);
}

}  // namespace clipq
#endif
