#pragma once

#include <optional>
#include <string>

#include "clipq/kernels/attention_path.h"
#include "clipq/model/attention.h"

namespace clipq {

/// Why an attention can't be computed head by head, in words; empty if it can.
std::string why_not_by_heads(const Attention& attention);

/// The rules of an attention that why_not_by_heads() has nothing against; absent if it isn't
/// quantized.
std::optional<HeadQuantizers> head_quantizers(const Attention& attention);

}  // namespace clipq
