#pragma once

#include <functional>

#include "clipq/quant/fold_sites.h"

namespace clipq {

/// Among scale(0), scale(1 / steps), …, scale(1), the one with which the site's consumer, quantized
/// as the placement says, has the smallest squared error of its outputs on `rows` (float32 [n,
/// in]).
at::Tensor best_fold_scale(const FoldSite& site, const Placement& placement, const at::Tensor& rows,
                           const std::function<at::Tensor(double exponent)>& scale,
                           std::int64_t steps = 10);

}  // namespace clipq
