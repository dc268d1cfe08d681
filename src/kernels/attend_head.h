#pragma once

#include "bfloat16_kernel.h"
#include "clipq/kernels/attention_path.h"

namespace clipq {

/// Attention of a head in float32.
void attend_head(const HeadView& head, AttentionScratch& scratch);

/// The same with the operands of both products in bfloat16.
void attend_head_in_bfloat16(const HeadView& head, const Bfloat16Kernel& kernel,
                             AttentionScratch& scratch);

}  // namespace clipq
