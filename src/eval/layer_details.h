#pragma once

#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/model/clip_model.h"
#include "clipq/quant/quantized_model.h"

namespace clipq {

/// Histograms of every weight, [{"name", "low", "high", "counts"}, …] in the order of data flow,
/// over the range of the base model's weight of that name. Layers that hide their weights are left
/// out.
Json weight_histograms(ClipModel base, ClipModel model);

/// [{"name", "what", "range", "clipped", "sqnr_db", "output_cosine", "tokens", "channels"}, …] of
/// the quantizers that are on; what isn't known is absent, so is a range that is taken at run time.
Json quantizer_rows(const Quantization& quantization);

/// The range that each block's GELU output is quantized with: [low, high], or null where it isn't
/// quantized or the range is taken at run time. {"image": […], "text": […]}.
Json gelu_ranges(const Quantization& quantization, ClipModel model);

}  // namespace clipq
