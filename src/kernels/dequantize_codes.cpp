#include "dequantize_codes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dequantize_codes.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file once for every instruction set.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipq {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// At most half a line, of which int4 has two.
using Floats = hn::CappedTag<float, CodeStripes::kColumns / 2>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using SignedBytes = hn::Rebind<std::int8_t, Floats>;
using Halves = hn::Rebind<hwy::float16_t, Floats>;
using HalfWords = hn::Rebind<std::uint16_t, Floats>;
using Integers = hn::Rebind<std::int32_t, Floats>;
using FloatVector = hn::Vec<Floats>;

/// Each gives the values of the codes from column `first` of a line on.
struct FromInt8 {
  static constexpr std::int64_t kLine = CodeStripes::kColumns;
  static HWY_INLINE FloatVector Load(const std::uint8_t* line, std::int64_t first) {
    const auto* codes = reinterpret_cast<const std::int8_t*>(line + first);
    return hn::ConvertTo(Floats(), hn::PromoteTo(Integers(), hn::LoadU(SignedBytes(), codes)));
  }
};

struct FromUint8 {
  static constexpr std::int64_t kLine = CodeStripes::kColumns;
  static HWY_INLINE FloatVector Load(const std::uint8_t* line, std::int64_t first) {
    return hn::ConvertTo(Floats(), hn::PromoteTo(Integers(), hn::LoadU(Bytes(), line + first)));
  }
};

struct FromInt4 {
  static constexpr std::int64_t kLine = CodeStripes::kColumns / 2;
  static HWY_INLINE FloatVector Load(const std::uint8_t* line, std::int64_t first) {
    const bool is_upper = first >= kLine;
    const auto pairs =
        hn::PromoteTo(Integers(), hn::LoadU(Bytes(), line + (is_upper ? first - kLine : first)));
    return hn::ConvertTo(
        Floats(), is_upper ? hn::ShiftRight<4>(pairs) : hn::And(pairs, hn::Set(Integers(), 15)));
  }
};

HWY_INLINE FloatVector FromHalves(hn::Vec<HalfWords> words) {
  return hn::PromoteTo(Floats(), hn::BitCast(Halves(), words));
}

struct FromHalf {
  static constexpr std::int64_t kLine = 2 * CodeStripes::kColumns;
  static HWY_INLINE FloatVector Load(const std::uint8_t* line, std::int64_t first) {
    const auto* words = reinterpret_cast<const std::uint16_t*>(line) + first;
    return FromHalves(hn::LoadU(HalfWords(), words));
  }
};

/// E5M2 is the upper half of a half-precision float.
struct FromE5M2 {
  static constexpr std::int64_t kLine = CodeStripes::kColumns;
  static HWY_INLINE FloatVector Load(const std::uint8_t* line, std::int64_t first) {
    const auto codes = hn::PromoteTo(HalfWords(), hn::LoadU(Bytes(), line + first));
    return FromHalves(hn::ShiftLeft<8>(codes));
  }
};

/// E4M3's bits as those of a half-precision float stand for 2^-8 of the value.
struct FromE4M3 {
  static constexpr std::int64_t kLine = CodeStripes::kColumns;
  static HWY_INLINE FloatVector Load(const std::uint8_t* line, std::int64_t first) {
    const HalfWords words;
    const auto codes = hn::PromoteTo(words, hn::LoadU(Bytes(), line + first));
    const auto sign = hn::ShiftLeft<8>(hn::And(codes, hn::Set(words, std::uint16_t{0x80})));
    const auto rest = hn::ShiftLeft<7>(hn::And(codes, hn::Set(words, std::uint16_t{0x7F})));
    return hn::Mul(FromHalves(hn::Or(sign, rest)), hn::Set(Floats(), 256.0F));
  }
};

template <class From, bool kZeroPoints, bool kScales>
void DequantizeLines(const std::uint8_t* codes, std::int64_t lines, const ColumnScales& columns,
                     const ColumnBlocks& blocks) {
  const Floats d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  float* HWY_RESTRICT line_out = blocks.out;
  for (std::int64_t line = 0; line < lines; ++line) {
    float* HWY_RESTRICT out = line_out;
    for (std::int64_t first = 0; first < CodeStripes::kColumns; first += blocks.width) {
      for (std::int64_t c = 0; c < blocks.width; c += lanes) {
        auto values = From::Load(codes, first + c);
        if constexpr (kZeroPoints) {
          values = hn::Sub(values, hn::LoadU(d, columns.zero_points + first + c));
        }
        if constexpr (kScales) values = hn::Mul(values, hn::LoadU(d, columns.scales + first + c));
        hn::StoreU(values, d, out + c);
      }
      out += blocks.step;
    }
    codes += From::kLine;
    line_out += blocks.width;
  }
}

template <class From>
void DequantizeFrom(const std::uint8_t* codes, std::int64_t lines, const ColumnScales& columns,
                    const ColumnBlocks& blocks) {
  if (columns.scales == nullptr) {
    DequantizeLines<From, false, false>(codes, lines, columns, blocks);
  } else if (columns.zero_points == nullptr) {
    DequantizeLines<From, false, true>(codes, lines, columns, blocks);
  } else {
    DequantizeLines<From, true, true>(codes, lines, columns, blocks);
  }
}

void DequantizeToFloats(StoredCode kind, const std::uint8_t* codes, std::int64_t lines,
                        const ColumnScales& columns, const ColumnBlocks& blocks) {
  switch (kind) {
    case StoredCode::kInt8:
      return DequantizeFrom<FromInt8>(codes, lines, columns, blocks);
    case StoredCode::kUint8:
      return DequantizeFrom<FromUint8>(codes, lines, columns, blocks);
    case StoredCode::kInt4:
      return DequantizeFrom<FromInt4>(codes, lines, columns, blocks);
    case StoredCode::kE4M3:
      return DequantizeFrom<FromE4M3>(codes, lines, columns, blocks);
    case StoredCode::kE5M2:
      return DequantizeFrom<FromE5M2>(codes, lines, columns, blocks);
    case StoredCode::kHalf:
      return DequantizeFrom<FromHalf>(codes, lines, columns, blocks);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace clipq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipq {

HWY_EXPORT(DequantizeToFloats);

void dequantize_to_floats(StoredCode kind, const std::uint8_t* codes, std::int64_t lines,
                          const ColumnScales& columns, const ColumnBlocks& blocks) {
  HWY_DYNAMIC_DISPATCH(DequantizeToFloats)(kind, codes, lines, columns, blocks);
}

}  // namespace clipq
#endif
