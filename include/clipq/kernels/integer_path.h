#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace clipq {

/// Integer products of a few rows and columns.
struct AccumulatorTile {
  const std::int32_t* values;  ///< row-major
  std::ptrdiff_t stride;       ///< from a row to the next
  std::int64_t row;            ///< of the first value
  std::int64_t rows;
  std::int64_t column;  ///< of the first value
  std::int64_t columns;
};

using TileConsumer = std::function<void(const AccumulatorTile&)>;

/// A weight's codes in the layout that one path reads.
class IntegerMatrix {
 public:
  virtual ~IntegerMatrix() = default;

  /// Columns [first, first + count) of the exact integer product of codes and the weight.
  /// @param codes uint8 [rows, stride], of which in_features columns count, zeros up to the next
  ///        multiple of 4; `stride` a multiple of 4
  /// @param consume is given the columns' tiles, each once; columns outside the range are left out.
  ///        It runs on the calling thread, between products, and must not multiply anything itself
  virtual void multiply(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                        std::int64_t first, std::int64_t count,
                        const TileConsumer& consume) const = 0;
};

/// A weight's codes, int8 [out_features, in_features], row-major, and the widest codes of both
/// sides.
struct IntegerWeight {
  const std::int8_t* codes;
  std::int64_t out_features;
  std::int64_t in_features;
  int weight_limit;  ///< largest magnitude that the format of the weight allows
  int input_limit;   ///< largest unsigned code of the inputs
};

struct GroupKernel;

/// A way to multiply unsigned with signed bytes. All ways give the same integers.
struct IntegerPath {
  const char* name;
  const char* comment;
  bool (*supported)();  ///< by this processor
  /// Whether the products of such codes are exact: some saturate if both sides use all 8 bits.
  bool (*exact)(const IntegerWeight& weight);
  std::unique_ptr<IntegerMatrix> (*pack)(const IntegerWeight& weight);
  /// Rows for which it pays to read a weight once: enough that reading it doesn't hold up the
  /// products, few enough that what is computed of them stays in a core's cache.
  std::int64_t panel_rows;
  const GroupKernel* groups;  ///< for weights with a scale per group of k; null: none
};

/// How far apart rows of `width` codes stand best: whole cache lines keep rows aligned; an odd
/// number of them spreads the rows of a tile over the cache's sets.
std::ptrdiff_t code_stride(std::int64_t width);

/// All paths, those that are likely the fastest first.
const std::vector<IntegerPath>& integer_paths();

/// The path of that name. Throws UsageError with the valid names, or if the processor lacks it.
const IntegerPath& find_integer_path(const std::string& name, const std::string& where);

/// The paths that this processor has and that are exact for the weight, in the table's order; the
/// portable one only if there is no other.
std::vector<const IntegerPath*> usable_integer_paths(const IntegerWeight& weight);

/// The path that is the fastest here for weights of that shape: each that is exact multiplies a
/// part of the weight a few times, once for every shape in a process.
const IntegerPath& fastest_integer_path(const IntegerWeight& weight);

std::unique_ptr<IntegerMatrix> pack_amx(const IntegerWeight& weight);
std::unique_ptr<IntegerMatrix> pack_onednn(const IntegerWeight& weight);

}  // namespace clipq
