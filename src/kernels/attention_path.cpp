#include "clipq/kernels/attention_path.h"

#include <algorithm>
#include <limits>

#include "attend_head.h"
#include "bfloat16_kernel.h"
#include "find_supported.h"
#include "instruction_sets.h"

namespace clipq {
namespace {

/// On a Xeon with AMX a head of 197 tokens took 0.41 of float32's time, one of 77 tokens 0.91.
constexpr std::int64_t kTokensForAmx = 128;

/// On that Xeon AVX512-BF16 took 1.7 to 3.3 of float32's time.
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

bool always() { return true; }

}  // namespace

const std::vector<AttentionPath>& attention_paths() {
  static const std::vector<AttentionPath> paths = {
#ifdef __x86_64__
      {"amx-bf16", "products in bfloat16, AMX", has<InstructionSet::kAmxBfloat16>,
       [](const HeadView& head, AttentionScratch& scratch) {
         attend_head_in_bfloat16(head, kAmxBfloat16Kernel, scratch);
       },
       kTokensForAmx},
      {"avx512-bf16", "products in bfloat16, AVX512-BF16", has<InstructionSet::kAvx512Bfloat16>,
       [](const HeadView& head, AttentionScratch& scratch) {
         attend_head_in_bfloat16(head, kAvx512Bfloat16Kernel, scratch);
       },
       kNever},
#endif
      {"float32", "everything in float32, any processor", always, attend_head, 0}};
  return paths;
}

const AttentionPath& find_attention_path(const std::string& name, const std::string& where) {
  return find_supported(attention_paths(), name, "attention", where);
}

const AttentionPath& fastest_attention_path(std::int64_t tokens) {
  return *std::find_if(
      attention_paths().begin(), attention_paths().end(),
      [&](const AttentionPath& path) { return path.supported() && tokens >= path.least_tokens; });
}

const AttentionPath& float32_attention_path() { return attention_paths().back(); }

}  // namespace clipq
