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

/// Up to four pixels, each as four integers of which the last one counts nothing.
using Pixels = hn::CappedTag<std::int32_t, 16>;

#if HWY_TARGET == HWY_SCALAR

/// One output pixel of `kRows` rows that are `stride` bytes apart.
template <int kRows>
HWY_INLINE void ResamplePixel(const std::uint8_t* source, std::size_t stride, int taps,
                              const std::int32_t* weights, std::uint8_t* out,
                              std::size_t out_stride, bool /*is_last*/) {
  for (int r = 0; r < kRows; ++r) {
    for (int channel = 0; channel < 3; ++channel) {
      std::int32_t sum = kHalf;
      for (int tap = 0; tap < taps; ++tap) {
        sum += weights[4 * tap] * source[r * stride + 3 * tap + channel];
      }
      out[r * out_stride + channel] =
          static_cast<std::uint8_t>(std::clamp(sum >> kTapFractionBits, 0, 255));
    }
  }
}

#else

using Pixel = hn::FixedTag<std::int32_t, 4>;

template <class D, class V>
HWY_INLINE hn::Vec<Pixel> SumOfPixels(D d, V pixels) {
  if constexpr (hn::MaxLanes(d) <= 4) {
    return pixels;
  } else {
    const hn::Half<D> half;
    return SumOfPixels(half, hn::Add(hn::LowerHalf(half, pixels), hn::UpperHalf(half, pixels)));
  }
}

/// Three bytes of each pixel where there are four integers of it.
template <class D>
HWY_INLINE hn::Vec<D> LoadPixels(D d, const std::uint8_t* source) {
  const hn::Rebind<std::uint8_t, D> bytes;
  HWY_ALIGN static constexpr std::uint8_t kSpread[16] = {0, 1, 2, 0, 3, 4,  5,  0,
                                                         6, 7, 8, 0, 9, 10, 11, 0};
  return hn::PromoteTo(d,
                       hn::TableLookupBytes(hn::LoadU(bytes, source), hn::LoadU(bytes, kSpread)));
}

/// One output pixel of `kRows` rows that are `stride` bytes apart.
template <int kRows>
HWY_INLINE void ResamplePixel(const std::uint8_t* source, std::size_t stride, int taps,
                              const std::int32_t* weights, std::uint8_t* out,
                              std::size_t out_stride, bool is_last) {
  const Pixels d;
  const int step = static_cast<int>(hn::Lanes(d)) / 4;
  hn::Vec<Pixels> sums[kRows];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (int tap = 0; tap < taps; tap += step) {
    const auto weight = hn::LoadU(d, weights + std::size_t(tap) * 4);
    for (int r = 0; r < kRows; ++r) {
      const auto pixels = LoadPixels(d, source + r * stride + std::size_t(tap) * 3);
      sums[r] = hn::Add(sums[r], hn::Mul(pixels, weight));
    }
  }
  const Pixel pixel;
  const hn::Rebind<std::uint8_t, Pixel> bytes;
  for (int r = 0; r < kRows; ++r) {
    const auto sum = hn::Add(SumOfPixels(d, sums[r]), hn::Set(pixel, kHalf));
    const auto rgb = hn::DemoteTo(bytes, hn::ShiftRight<kTapFractionBits>(sum));
    std::uint8_t* target = out + r * out_stride;
    if (is_last) {
      HWY_ALIGN std::uint8_t four[16];
      hn::StoreU(rgb, bytes, four);
      std::memcpy(target, four, 3);
    } else {
      hn::StoreU(rgb, bytes, target);  // the fourth byte is the next pixel's
    }
  }
}

#endif

template <int kRows>
void ResampleRowsAs(const std::uint8_t* source, std::size_t stride,
                    const std::vector<Taps>& columns, const std::int32_t* weights,
                    const std::size_t* first_weight, std::uint8_t* out) {
  const std::size_t out_stride = columns.size() * 3;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const Taps& taps = columns[c];
    ResamplePixel<kRows>(source + std::size_t(taps.first) * 3, stride,
                         static_cast<int>(taps.weights.size()), weights + first_weight[c],
                         out + 3 * c, out_stride, c + 1 == columns.size());
  }
}

void ResampleRows(const std::uint8_t* source, std::size_t stride, std::size_t rows,
                  const std::vector<Taps>& columns, const std::int32_t* weights,
                  const std::size_t* first_weight, std::uint8_t* out) {
  if (rows == RowResampler::kRows) {
    return ResampleRowsAs<RowResampler::kRows>(source, stride, columns, weights, first_weight, out);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    ResampleRowsAs<1>(source + r * stride, stride, columns, weights, first_weight,
                      out + r * columns.size() * 3);
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
  const Pixels d;
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

namespace {

/// Taps and bytes are read in steps of up to so many.
constexpr std::size_t kTapStep = 4;
constexpr std::size_t kReadAhead = 64;

}  // namespace

RowResampler::RowResampler(const std::vector<Taps>& columns) : columns_(columns) {
  for (const Taps& taps : columns) {
    first_weight_.push_back(weights_.size());
    for (const std::int32_t weight : taps.weights) {
      weights_.insert(weights_.end(), {weight, weight, weight, 0});
    }
    const std::size_t odd = taps.weights.size() % kTapStep;
    if (odd > 0) weights_.resize(weights_.size() + 4 * (kTapStep - odd));
  }
}

void RowResampler::resample(std::span<const std::uint8_t* const> rows, std::size_t pixels,
                            std::uint8_t* out) {
  const std::size_t stride = pixels * 3 + kReadAhead;
  padded_.resize(rows.size() * stride);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::memcpy(padded_.data() + r * stride, rows[r], pixels * 3);
  }
  HWY_DYNAMIC_DISPATCH(ResampleRows)
  (padded_.data(), stride, rows.size(), columns_, weights_.data(), first_weight_.data(), out);
}

void resample_column(const std::uint8_t* rows, std::size_t stride, const Taps& taps,
                     std::size_t count, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(ResampleColumn)(rows, stride, taps, count, out);
}

}  // namespace clipq
#endif
