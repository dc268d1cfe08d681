#include "clipq/kernels/attention_path.h"

#include "attend_head.h"
#include "bfloat16_kernel.h"
#include "find_supported.h"

namespace clipq {
namespace {

bool always() { return true; }

}  // namespace

const std::vector<AttentionPath>& attention_paths() {
  static const std::vector<AttentionPath> paths = {
      {"amx-bf16", "products in bfloat16, AMX", kAmxBfloat16Kernel.supported,
       [](const HeadView& head, AttentionScratch& scratch) {
         attend_head_in_bfloat16(head, kAmxBfloat16Kernel, scratch);
       }},
      {"avx512-bf16", "products in bfloat16, AVX512-BF16", kAvx512Bfloat16Kernel.supported,
       [](const HeadView& head, AttentionScratch& scratch) {
         attend_head_in_bfloat16(head, kAvx512Bfloat16Kernel, scratch);
       }},
      {"float32", "everything in float32, any processor", always, attend_head}};
  return paths;
}

const AttentionPath& find_attention_path(const std::string& name, const std::string& where) {
  return find_supported(attention_paths(), name, "attention", where);
}

const AttentionPath& float32_attention_path() { return attention_paths().back(); }

}  // namespace clipq
