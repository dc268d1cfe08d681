#include "clipq/eval/average_precision.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/isnan.h>

#include <cstdint>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

void require_valid(const at::Tensor& scores, const at::Tensor& targets) {
  if (scores.dim() != 2 || scores.numel() == 0 || scores.sizes() != targets.sizes()) {
    throw InputError(cat("average precision: scores have shape ", scores.sizes(), " and targets ",
                         targets.sizes(), ", expected the same non-empty [items, classes]"));
  }
  const at::Tensor bad = at::isnan(scores).any(1);
  if (!bad.any().item<bool>()) return;
  throw InputError(cat("average precision: ", bad.sum().item<std::int64_t>(), " of ",
                       scores.size(0), " items have NaN scores, the first being item ",
                       bad.to(at::kByte).argmax().item<std::int64_t>(),
                       "; check the model that produced them"));
}

}  // namespace

AveragePrecision average_precision(const at::Tensor& scores, const at::Tensor& targets) {
  require_valid(scores, targets);
  const at::Tensor ranking = at::argsort(scores, /*stable=*/true, /*dim=*/0, /*descending=*/true);
  const at::Tensor positive = targets.gather(0, ranking).to(at::kDouble);
  const at::Tensor ranks = at::arange(1, scores.size(0) + 1, at::kDouble).unsqueeze(1);
  const at::Tensor precision = positive.cumsum(0).div_(ranks);
  const at::Tensor per_class = precision.mul(positive).sum(0).div_(positive.sum(0).clamp_min_(1));
  return {per_class, per_class.mean().item<double>()};
}

}  // namespace clipq
