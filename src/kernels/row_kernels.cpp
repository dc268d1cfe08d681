#include "clipq/kernels/row_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "row_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

#include "curves-inl.h"
#include "for_each_vector-inl.h"
#include "value_quantizer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

void NormalizeRow(const float* x, const float* weight, const float* bias, std::int64_t width,
                  float eps, float* out) {
  const Floats d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t whole = width / lanes * lanes;
  auto sums = hn::Zero(d);
  for (std::int64_t i = 0; i < whole; i += lanes) sums = hn::Add(sums, hn::LoadU(d, x + i));
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (std::int64_t i = whole; i < width; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(width);
  const auto means = hn::Set(d, mean);
  auto squares = hn::Zero(d);
  for (std::int64_t i = 0; i < whole; i += lanes) {
    const auto centred = hn::Sub(hn::LoadU(d, x + i), means);
    squares = hn::MulAdd(centred, centred, squares);
  }
  float square = hn::GetLane(hn::SumOfLanes(d, squares));
  for (std::int64_t i = whole; i < width; ++i) square += (x[i] - mean) * (x[i] - mean);
  const float inverse = 1 / std::sqrt(square / static_cast<float>(width) + eps);
  ForEachVector(width, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(tag, x + i), hn::Set(tag, mean));
    const auto gain = hn::Mul(hn::Set(tag, inverse), hn::LoadU(tag, weight + i));
    hn::StoreU(hn::MulAdd(centred, gain, hn::LoadU(tag, bias + i)), tag, out + i);
  });
}

/// Least and greatest of `count` values; both NaN if one of them isn't finite.
struct ValueRange {
  float min;
  float max;
};

ValueRange RangeOfValues(const float* x, std::int64_t count) {
  const Floats d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t whole = count / lanes * lanes;
  const auto first = hn::Set(d, x[0]);
  // Two of each, so that neighbours don't wait for each other. `poison` becomes NaN with the first
  // value that isn't finite.
  auto least = first, other_least = first, most = first, other_most = first;
  auto poison = hn::Zero(d), other_poison = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + 2 * lanes <= whole; i += 2 * lanes) {
    const auto values = hn::LoadU(d, x + i);
    const auto others = hn::LoadU(d, x + i + lanes);
    least = hn::Min(least, values);
    other_least = hn::Min(other_least, others);
    most = hn::Max(most, values);
    other_most = hn::Max(other_most, others);
    poison = hn::MulAdd(values, hn::Zero(d), poison);
    other_poison = hn::MulAdd(others, hn::Zero(d), other_poison);
  }
  if (i < whole) {
    const auto values = hn::LoadU(d, x + i);
    least = hn::Min(least, values);
    most = hn::Max(most, values);
    poison = hn::MulAdd(values, hn::Zero(d), poison);
  }
  ValueRange range = {hn::GetLane(hn::MinOfLanes(d, hn::Min(least, other_least))),
                      hn::GetLane(hn::MaxOfLanes(d, hn::Max(most, other_most)))};
  float spoilt = hn::GetLane(hn::SumOfLanes(d, hn::Add(poison, other_poison)));
  for (i = whole; i < count; ++i) {
    range.min = x[i] < range.min ? x[i] : range.min;
    range.max = x[i] > range.max ? x[i] : range.max;
    spoilt += x[i] * 0;
  }
  return {range.min + spoilt, range.max + spoilt};
}

/// A scale is never less than the smallest normal number; NaN stays NaN.
float AsScale(float amount) {
  constexpr float kSmallest = std::numeric_limits<float>::min();
  return amount < kSmallest ? kSmallest : amount;
}

RowScale ScaleOfRow(const float* x, std::int64_t width, const CodeRule& rule) {
  const ValueRange range = RangeOfValues(x, width);
  if (rule.symmetric) {
    const float magnitude = -range.min > range.max ? -range.min : range.max;
    return {AsScale(magnitude / rule.steps), static_cast<std::int32_t>(rule.zero_point)};
  }
  const float low = range.min > 0 ? 0 : range.min;
  const float high = range.max < 0 ? 0 : range.max;
  const float scale = AsScale((high - low) / rule.steps);
  if (std::isnan(scale)) return {scale, 0};
  const float zero = std::nearbyint(-low / scale);
  return {scale, static_cast<std::int32_t>(zero > rule.steps ? rule.steps : zero)};
}

/// Quantizes vectors of floats. Its members are copies, since stores of bytes may alias anything.
template <bool kLooksForNan, class D>
class VectorQuantizer {
 public:
  VectorQuantizer(D d, const CodeRule& rule, const RowScale& row)
      : scale_(hn::Set(d, row.scale)),
        inverse_(hn::Set(d, 1 / row.scale)),
        lowest_(hn::Set(d, rule.lowest - static_cast<float>(row.zero_point))),
        highest_(hn::Set(d, rule.highest - static_cast<float>(row.zero_point))),
        zero_point_(hn::Set(hn::RebindToSigned<D>(), row.zero_point)),
        nan_(hn::Zero(d)) {}

  HWY_INLINE void operator()(D d, hn::Vec<D> values, std::uint8_t* codes) {
    if constexpr (kLooksForNan) nan_ = hn::Or(nan_, hn::VecFromMask(d, hn::IsNaN(values)));
    // The ends are whole numbers, so that clamping before rounding gives the same. Beside 1.5 *
    // 2^23 a float has no digits left but those of whole numbers, so that adding rounds, half to
    // even; its last byte is that of the integer.
    const auto clamped = hn::Min(hn::Max(Quotient(values, scale_, inverse_), lowest_), highest_);
    const hn::RebindToSigned<D> signed_words;
    const hn::RebindToUnsigned<D> words;
    const hn::Rebind<std::uint8_t, D> bytes;
    const auto rounded = hn::BitCast(signed_words, hn::Add(clamped, hn::Set(d, 0x1.8p23F)));
    const auto integers = hn::BitCast(words, hn::Add(rounded, zero_point_));
    hn::StoreU(hn::TruncateTo(bytes, integers), bytes, codes);
  }

  bool saw_nan(D d) const { return !hn::AllFalse(d, hn::IsNaN(nan_)); }

 private:
  using V = hn::Vec<D>;
  V scale_, inverse_, lowest_, highest_;
  hn::Vec<hn::RebindToSigned<D>> zero_point_;
  V nan_;
};

/// Whether a NaN was among the values, if it was looked for.
template <bool kLooksForNan>
bool QuantizeValues(const float* x, std::int64_t width, const CodeRule& rule, const RowScale& row,
                    std::uint8_t* codes) {
  const Floats d;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  VectorQuantizer<kLooksForNan, Floats> quantize_vector(d, rule, row);
  std::int64_t i = 0;
  for (; i + lanes <= width; i += lanes) quantize_vector(d, hn::LoadU(d, x + i), codes + i);
  VectorQuantizer<kLooksForNan, hn::CappedTag<float, 1>> quantize_one(one, rule, row);
  for (; i < width; ++i) quantize_one(one, hn::LoadU(one, x + i), codes + i);
  return quantize_vector.saw_nan(d) || quantize_one.saw_nan(one);
}

RowScale QuantizeRow(const float* x, std::int64_t width, const CodeRule& rule,
                     std::uint8_t* codes) {
  if (!rule.per_row) {
    RowScale row = {rule.scale, static_cast<std::int32_t>(rule.zero_point)};
    if (QuantizeValues<true>(x, width, rule, row, codes)) {
      row.scale = std::numeric_limits<float>::quiet_NaN();
    }
    return row;
  }
  const RowScale row = ScaleOfRow(x, width, rule);  // NaN if a value isn't finite
  if (std::isnan(row.scale)) {
    std::fill_n(codes, width, std::uint8_t{0});
  } else {
    QuantizeValues<false>(x, width, rule, row, codes);
  }
  return row;
}

/// NaN stays NaN: of operands that can't be compared, x86 takes the second one.
template <class D>
HWY_INLINE hn::Vec<D> Relu(D d, hn::Vec<D> values) {
#if HWY_ARCH_X86
  return hn::Max(hn::Zero(d), values);
#else
  return hn::IfThenZeroElse(hn::Lt(values, hn::Zero(d)), values);
#endif
}

/// How a tile is finished.
template <bool kFloatsToo, bool kCodesToo, bool kOneScale, bool kReluLast>
struct Finishing {
  static constexpr bool kFloats = kFloatsToo;
  static constexpr bool kCodes = kCodesToo;
  static constexpr bool kUniform = kOneScale;  ///< all rows' codes mean the same
  static constexpr bool kRelu = kReluLast;
};

/// Products of codes as floats, without what zero points add to them.
template <class D, class V>
HWY_INLINE hn::Vec<D> WithoutOffset(D d, const std::int32_t* products, V offset) {
  return hn::ConvertTo(d, hn::Sub(hn::LoadU(hn::RebindToSigned<D>(), products), offset));
}

/// Values have no zero point.
template <class D, class V>
HWY_INLINE hn::Vec<D> WithoutOffset(D d, const float* products, V /*offset*/) {
  return hn::LoadU(d, products);
}

/// `count` vectors of a tile from column `first` on; what belongs to columns stays in registers.
template <int kVectors, class How, class Tile, class D, class Curve>
HWY_INLINE void FinishVectors(D d, const Tile& tile, const TileFinish& finish, std::int64_t first,
                              const Curve& curve) {
  constexpr bool kIntegers = std::is_same_v<Tile, AccumulatorTile>;
  const hn::RebindToSigned<D> integers;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Vec<decltype(integers)> sums[kVectors];
  hn::Vec<D> scales[kVectors];
  hn::Vec<D> biases[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const std::int64_t column = tile.column + first + v * lanes;
    sums[v] = kIntegers ? hn::LoadU(integers, finish.column_sums + column) : hn::Zero(integers);
    scales[v] = hn::LoadU(d, finish.column_scales + column);
    biases[v] = hn::LoadU(d, finish.bias + column);
    if constexpr (How::kUniform) {
      const RowScale& row = finish.rows[tile.row];
      sums[v] = hn::Mul(sums[v], hn::Set(integers, row.zero_point));
      scales[v] = hn::Mul(scales[v], hn::Set(d, row.scale));
    }
  }
  const CodeRule rule = How::kCodes ? *finish.rule : CodeRule();
  VectorQuantizer<false, D> quantize_vector(
      d, rule, {rule.scale, static_cast<std::int32_t>(rule.zero_point)});
  const bool add = finish.add;
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    const auto* products = tile.values + r * tile.stride + first;
    const RowScale& row = finish.rows[tile.row + r];
    const auto zero_point = hn::Set(integers, row.zero_point);
    const auto row_scale = hn::Set(d, row.scale);
    const std::int64_t column = tile.column + first;
    float* out = How::kFloats ? finish.out + (tile.row + r) * finish.out_stride + column : nullptr;
    std::uint8_t* codes =
        How::kCodes ? finish.codes + (tile.row + r) * finish.codes_stride + column : nullptr;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const auto offset = How::kUniform ? sums[v] : hn::Mul(sums[v], zero_point);
      const auto scale = How::kUniform ? scales[v] : hn::Mul(scales[v], row_scale);
      const auto product = WithoutOffset(d, products + v * lanes, offset);
      auto values = curve(d, hn::MulAdd(product, scale, biases[v]));
      if constexpr (How::kFloats) {
        if (add) values = hn::Add(values, hn::LoadU(d, out + v * lanes));
      }
      if constexpr (How::kRelu) values = Relu(d, values);
      if constexpr (How::kFloats) hn::StoreU(values, d, out + v * lanes);
      if constexpr (How::kCodes) quantize_vector(d, values, codes + v * lanes);
    }
  }
}

template <class How, class Tile, class Curve>
HWY_INLINE void FinishColumns(const Tile& tile, const TileFinish& finish, const Curve& curve) {
  constexpr int kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
  const Floats d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = 0;
  for (; c + kVectors * lanes <= tile.columns; c += kVectors * lanes) {
    FinishVectors<kVectors, How>(d, tile, finish, c, curve);
  }
  for (; c + 2 * lanes <= tile.columns; c += 2 * lanes) {
    FinishVectors<2, How>(d, tile, finish, c, curve);
  }
  for (; c + lanes <= tile.columns; c += lanes) {
    FinishVectors<1, How>(d, tile, finish, c, curve);
  }
  for (; c < tile.columns; ++c) {
    FinishVectors<1, How>(hn::CappedTag<float, 1>(), tile, finish, c, curve);
  }
}

template <bool kUniform, bool kRelu, class Tile, class Curve>
HWY_INLINE void FinishTileTo(const Tile& tile, const TileFinish& finish, const Curve& curve) {
  if (finish.codes == nullptr) {
    FinishColumns<Finishing<true, false, kUniform, kRelu>>(tile, finish, curve);
  } else if (finish.out == nullptr) {
    FinishColumns<Finishing<false, true, kUniform, kRelu>>(tile, finish, curve);
  } else {
    FinishColumns<Finishing<true, true, kUniform, kRelu>>(tile, finish, curve);
  }
}

template <bool kRelu, class Tile, class Curve>
HWY_INLINE void FinishTileWith(const Tile& tile, const TileFinish& finish, const Curve& curve) {
  if (finish.uniform) {
    FinishTileTo<true, kRelu>(tile, finish, curve);
  } else {
    FinishTileTo<false, kRelu>(tile, finish, curve);
  }
}

template <class Tile>
HWY_INLINE void FinishAnyTile(const Tile& tile, const TileFinish& finish) {
  const auto same = [](auto, auto x) HWY_ATTR { return x; };
  if (!finish.activation) {
    return finish.relu ? FinishTileWith<true>(tile, finish, same)
                       : FinishTileWith<false>(tile, finish, same);
  }
  if (*finish.activation == Activation::kQuickGelu) {
    FinishTileWith<false>(tile, finish,
                          [](auto tag, auto x) HWY_ATTR { return QuickGelu(tag, x); });
  } else if (*finish.activation == Activation::kGelu) {
    FinishTileWith<false>(tile, finish, [](auto tag, auto x) HWY_ATTR { return Gelu(tag, x); });
  } else {
    FinishTileWith<false>(tile, finish, [](auto tag, auto x) HWY_ATTR { return GeluTanh(tag, x); });
  }
}

void FinishTile(const AccumulatorTile& tile, const TileFinish& finish) {
  FinishAnyTile(tile, finish);
}

void FinishFloatTile(const FloatTile& tile, const TileFinish& finish) {
  FinishAnyTile(tile, finish);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(NormalizeRow);
HWY_EXPORT(ScaleOfRow);
HWY_EXPORT(QuantizeRow);
HWY_EXPORT(FinishTile);
HWY_EXPORT(FinishFloatTile);

void normalize_row(const float* x, const float* weight, const float* bias, std::int64_t width,
                   float eps, float* out) {
  HWY_DYNAMIC_DISPATCH(NormalizeRow)(x, weight, bias, width, eps, out);
}

RowScale scale_of_row(const float* x, std::int64_t width, const CodeRule& rule) {
  return HWY_DYNAMIC_DISPATCH(ScaleOfRow)(x, width, rule);
}

RowScale quantize_row(const float* x, std::int64_t width, const CodeRule& rule,
                      std::uint8_t* codes) {
  return HWY_DYNAMIC_DISPATCH(QuantizeRow)(x, width, rule, codes);
}

void finish_tile(const AccumulatorTile& tile, const TileFinish& finish) {
  HWY_DYNAMIC_DISPATCH(FinishTile)(tile, finish);
}

void finish_tile(const FloatTile& tile, const TileFinish& finish) {
  HWY_DYNAMIC_DISPATCH(FinishFloatTile)(tile, finish);
}

}  // namespace clipq
#endif
