#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/numerics/quantize.h"

namespace clipq {

/// Sums of products of a few rows and columns.
struct FloatTile {
  const float* values;    ///< row-major
  std::ptrdiff_t stride;  ///< from a row to the next
  std::int64_t row;       ///< of the first value
  std::int64_t rows;
  std::int64_t column;  ///< of the first value
  std::int64_t columns;
};

using FloatTileConsumer = std::function<void(const FloatTile&)>;

/// A weight's codes, as narrow in memory as the artifact has them, in the layout that one path
/// reads. A stripe of columns at a time is dequantized, in the cache.
class FloatMatrix {
 public:
  virtual ~FloatMatrix() = default;

  /// Columns [first, first + count) of the product of `rows` rows of inputs and the weight; without
  /// the weight's scales, unless has_scales_in_sums().
  /// @param inputs rows `stride` bytes apart, as the path wants them: float32, or bfloat16 with
  ///        zeros up to the next multiple of 32 values and 32 readable rows. Inputs that aren't
  ///        quantized are sums of two bfloat16 numbers then: all upper parts, then all lower ones
  /// @param consume is given the columns' tiles, each once; columns outside the range are left out
  virtual void multiply(const std::uint8_t* inputs, std::int64_t rows, std::ptrdiff_t stride,
                        std::int64_t first, std::int64_t count,
                        const FloatTileConsumer& consume) const = 0;
};

/// Whether weights are multiplied by their scales when they are dequantized; otherwise a sum of
/// products is.
bool has_scales_in_sums(const QuantizerSpec& weight);

/// A way to multiply on floating-point units. All ways give the same sums, up to their order and
/// `rounding`.
struct FloatPath {
  const char* name;
  const char* comment;
  bool (*supported)();  ///< by this processor
  /// Whether it multiplies what such codes stand for, but for `rounding`; an input that isn't
  /// quantized is absent.
  bool (*exact)(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input);
  std::unique_ptr<FloatMatrix> (*pack)(const QuantizedTensor& weight, bool input_is_quantized);
  bool takes_bfloat16;      ///< inputs; otherwise float32
  float rounding;           ///< at most so much of a product is lost, as a share of it
  std::int64_t panel_rows;  ///< as IntegerPath's
};

/// All paths, the fastest first; the last one runs everywhere and is always exact.
const std::vector<FloatPath>& float_paths();

/// The first path that this processor has and that is exact.
const FloatPath& fastest_float_path(const QuantizerSpec& weight,
                                    const std::optional<QuantizerSpec>& input);

}  // namespace clipq
