#pragma once

#include <string>

#include "clipq/numerics/quantize.h"

namespace clipq {

/// Why scales can't be those of such a quantizer: one that isn't a positive number, that makes the
/// largest code infinite, or a zero point that is no code. Empty if they can.
std::string why_invalid(const QuantizerSpec& spec, const Scales& scales);

/// Why codes can't be of such a quantizer: a NaN or an infinity, or an integer that its bits don't
/// reach. Empty if they can. The scales aren't looked at.
std::string why_invalid_codes(const QuantizedTensor& tensor);

}  // namespace clipq
