#pragma once

#include "clipq/model/clip_model.h"

namespace clipq {

/// Operations of linears and of attention's products for a batch, a multiply-add counting two:
/// those that the model really computes, since the last block is cut to the pooled tokens and texts
/// to their longest (on native kernels each to its own end) where no quantizer needs the whole
/// batch.
std::int64_t image_operations(ClipModel model, std::int64_t batch);

/// @param tokens int64 [batch, length], as encode_text() takes them
std::int64_t text_operations(ClipModel model, const at::Tensor& tokens);

}  // namespace clipq
