#include "clipq/kernels/float_path.h"

#include <algorithm>

#include "float_matrix.h"
#include "instruction_sets.h"

namespace clipq {
namespace {

/// What is dequantized must be used by so many rows that the time for it doesn't count.
constexpr std::int64_t kRows = 112;

/// Products in bfloat16 are so fast that a core must use what it dequantizes more often.
constexpr std::int64_t kManyRows = 224;

bool always() { return true; }

/// Weights are dequantized with AVX512 before AMX multiplies them.
bool has_amx_and_avx512() {
  return supports(InstructionSet::kAmxBfloat16) && supports(InstructionSet::kAvx512Bfloat16);
}

bool whatever(const QuantizerSpec& /*weight*/, const std::optional<QuantizerSpec>& /*input*/) {
  return true;
}

/// bfloat16 holds what FP8 does, and float32 the products.
bool both_fp8(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input) {
  return is_fp8(weight) && !has_scales_in_sums(weight) && input && is_fp8(*input);
}

/// Weights are cut off, so that the product of the two lower parts is at most 2^-15.
constexpr float kRoundingOfParts = 0x1p-14F;

template <const Bfloat16Kernel& kKernel>
std::unique_ptr<FloatMatrix> pack_for(const QuantizedTensor& weight, bool input_is_quantized) {
  return pack_bfloat16(weight, kKernel, /*has_lower_inputs=*/!input_is_quantized);
}

}  // namespace

bool has_scales_in_sums(const QuantizerSpec& weight) {
  return weight.granularity == Granularity::kGroup || weight.is_affine() ||
         weight.format == Format::kInt4;
}

const std::vector<FloatPath>& float_paths() {
  static const std::vector<FloatPath> paths = {
#ifdef __x86_64__
      {"amx-bf16", "FP8 as bfloat16, tiles of 16 x 32 products, AMX", has_amx_and_avx512, both_fp8,
       pack_for<kAmxBfloat16Kernel>, true, 0, kManyRows},
      {"amx-bf16-parts", "floats as sums of two bfloat16 numbers, tiles of 16 x 32 products, AMX",
       has_amx_and_avx512, whatever, pack_for<kAmxBfloat16Kernel>, true, kRoundingOfParts,
       kManyRows},
      {"avx512-bf16", "FP8 as bfloat16, two products an instruction, AVX512-BF16",
       has<InstructionSet::kAvx512Bfloat16>, both_fp8, pack_for<kAvx512Bfloat16Kernel>, true, 0,
       kManyRows},
#endif
      {"float32", "dequantized to float32 in the cache, any processor", always, whatever,
       [](const QuantizedTensor& weight, bool /*input_is_quantized*/) {
         return pack_float32(weight);
       },
       false, 0, kRows}};
  return paths;
}

const FloatPath& fastest_float_path(const QuantizerSpec& weight,
                                    const std::optional<QuantizerSpec>& input) {
  return *std::find_if(float_paths().begin(), float_paths().end(), [&](const FloatPath& path) {
    return path.supported() && path.exact(weight, input);
  });
}

}  // namespace clipq
