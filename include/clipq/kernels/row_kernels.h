#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "clipq/kernels/float_path.h"
#include "clipq/kernels/integer_path.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// How a row of floats becomes unsigned codes: code = clamp(round(x / scale) + zero_point), half to
/// even. Symmetric codes are stored with their zero at zero_point.
struct CodeRule {
  bool per_row = false;    ///< scale and zero point from each row's range, as scales_for finds them
  bool symmetric = false;  ///< per row: scale from the largest magnitude; the zero point stays
  float scale = 1;         ///< unless per row
  float zero_point = 0;
  float lowest = 0;  ///< code
  float highest = 255;
  float steps = 255;  ///< largest code of the format: what the range is divided by
};

/// What the codes of a row mean: x = (code - zero_point) * scale.
struct RowScale {
  float scale;
  std::int32_t zero_point;
};

/// Layer normalization of a row of `width` values.
void normalize_row(const float* x, const float* weight, const float* bias, std::int64_t width,
                   float eps, float* out);

/// The codes of a row of `width` values. A row that the reference numerics would turn into NaN has
/// the scale NaN.
RowScale quantize_row(const float* x, std::int64_t width, const CodeRule& rule,
                      std::uint8_t* codes);

/// What the codes of a row would mean under a rule with a range per row.
RowScale scale_of_row(const float* x, std::int64_t width, const CodeRule& rule);

/// Turns products of codes into floats: (product - zero_point * column_sum) * scale * column_scale
/// + bias. Products of values have no zero points.
struct TileFinish {
  const RowScale* rows;                  ///< one a row of codes
  bool uniform = false;                  ///< whether they are all the same
  const float* column_scales;            ///< of the weight, one a column
  const std::int32_t* column_sums;       ///< of the weight's codes; of values null
  const float* bias;                     ///< one a column
  std::optional<Activation> activation;  ///< not together with `relu`
  bool add = false;                      ///< to what stands in `out`
  bool relu = false;                     ///< last of all, but before codes are made
  float* out;                            ///< of row 0 and column 0; null: only codes are wanted
  std::ptrdiff_t out_stride;             ///< from a row to the next
  /// Not null: the results as codes by this rule, which has no range per row, go here.
  std::uint8_t* codes = nullptr;
  std::ptrdiff_t codes_stride = 0;
  const CodeRule* rule = nullptr;
};

void finish_tile(const AccumulatorTile& tile, const TileFinish& finish);
void finish_tile(const FloatTile& tile, const TileFinish& finish);

}  // namespace clipq
