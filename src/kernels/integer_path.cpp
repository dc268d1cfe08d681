#include "clipq/kernels/integer_path.h"

#include <limits>

#include "find_supported.h"
#include "group_kernel.h"
#include "instruction_sets.h"
#include "tiled_matrix.h"

namespace clipq {
namespace {

/// 56 rows of an MLP's hidden layer are two thirds of a MiB.
constexpr std::int64_t kFewRows = 56;

/// AMX multiplies so fast that a core must use each byte of a weight some hundred times.
constexpr std::int64_t kManyRows = 400;

bool always() { return true; }

bool whatever(const IntegerWeight& /*weight*/) { return true; }

/// Two products fit 16 bits.
bool pairs_fit(const IntegerWeight& weight) {
  return 2 * weight.weight_limit * weight.input_limit <= std::numeric_limits<std::int16_t>::max();
}

/// oneDNN returns the sums as float32, which holds whole numbers up to 2^24. It saturates without
/// VNNI.
bool sums_fit_float(const IntegerWeight& weight) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 24;
  if (!supports(InstructionSet::kAvx512Vnni) && !pairs_fit(weight)) return false;
  for (std::int64_t row = 0; row < weight.out_features; ++row) {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < weight.in_features; ++k) {
      const std::int8_t code = weight.codes[row * weight.in_features + k];
      sum += code < 0 ? -code : code;
    }
    if (sum * weight.input_limit > kLargest) return false;
  }
  return true;
}

/// @tparam kNarrow for weights that it has the columns for
template <const TileKernel& kKernel, const TileKernel& kNarrow = kKernel>
std::unique_ptr<IntegerMatrix> pack_tiled(const IntegerWeight& weight) {
  const bool is_narrow = weight.out_features <= kNarrow.columns;
  return std::make_unique<TiledMatrix>(weight, is_narrow ? kNarrow : kKernel);
}

template <const TileKernel& kKernel>
const GroupKernel* group_kernel() {
  static const GroupKernel kernel = {kKernel, [](int /*rows*/) {}, [] {}};
  return &kernel;
}

}  // namespace

std::ptrdiff_t code_stride(std::int64_t width) {
  constexpr std::int64_t kLine = 64;
  return ((width + kLine - 1) / kLine | 1) * kLine;
}

const std::vector<IntegerPath>& integer_paths() {
  static const std::vector<IntegerPath> paths = {
#ifdef __x86_64__
      {"amx-int8", "tiles of 16 x 64 products, AMX", has<InstructionSet::kAmxInt8>, whatever,
       pack_amx, kManyRows, &kAmxGroupKernel},
      {"avx512-vnni", "four products an instruction, AVX512-VNNI", has<InstructionSet::kAvx512Vnni>,
       whatever, pack_tiled<kAvx512VnniKernel, kAvx512VnniNarrowKernel>, kFewRows,
       group_kernel<kAvx512VnniKernel>()},
      {"avx512", "sums of two products in 16 bits, AVX512", has<InstructionSet::kAvx512>, pairs_fit,
       pack_tiled<kAvx512Kernel, kAvx512NarrowKernel>, kFewRows, group_kernel<kAvx512Kernel>()},
      {"avx2", "sums of two products in 16 bits, AVX2", has<InstructionSet::kAvx2>, pairs_fit,
       pack_tiled<kAvx2Kernel>, kFewRows, group_kernel<kAvx2Kernel>()},
      {"avx2-wide", "codes widened to 16 bits, exact with 8 bits on both sides, AVX2",
       has<InstructionSet::kAvx2>, whatever, pack_tiled<kAvx2WideKernel>, kFewRows,
       group_kernel<kAvx2WideKernel>()},
      {"onednn", "LibTorch's oneDNN: AMX, VNNI or AVX2, whichever it finds",
       has<InstructionSet::kAvx2>, sums_fit_float, pack_onednn, kFewRows, nullptr},
#endif
      {"portable", "plain C++, any processor", always, whatever, pack_tiled<kPortableKernel>,
       kFewRows, group_kernel<kPortableKernel>()}};
  return paths;
}

std::vector<const IntegerPath*> usable_integer_paths(const IntegerWeight& weight) {
  std::vector<const IntegerPath*> usable;
  for (const IntegerPath& path : integer_paths()) {
    const bool last_resort = &path == &integer_paths().back();
    if (last_resort && !usable.empty()) continue;
    if (path.supported() && path.exact(weight)) usable.push_back(&path);
  }
  return usable;
}

const IntegerPath& find_integer_path(const std::string& name, const std::string& where) {
  return find_supported(integer_paths(), name, "kernels", where);
}

}  // namespace clipq
