#include "clipq/eval/nearest.h"

#include <ATen/ops/matmul.h>

#include <algorithm>

#include "clipq/core/interrupt.h"
#include "clipq/model/clip_model.h"
#include "query_block.h"

namespace clipq {

std::vector<std::int64_t> nearest(const at::Tensor& queries, const at::Tensor& candidates) {
  const at::Tensor listed = normalize_rows(candidates.to(at::kDouble)).t();
  std::vector<std::int64_t> found;
  for (std::int64_t first = 0; first < queries.size(0); first += kQueryBlock) {
    throw_if_interrupted();
    const std::int64_t count = std::min(kQueryBlock, queries.size(0) - first);
    const at::Tensor cosines =
        at::matmul(normalize_rows(queries.narrow(0, first, count).to(at::kDouble)), listed);
    const at::Tensor ties = cosines.ge(cosines.amax(-1, /*keepdim=*/true).sub(kCosineTie));
    const at::Tensor best = ties.to(at::kByte).argmax(-1);
    const auto* place = best.const_data_ptr<std::int64_t>();
    found.insert(found.end(), place, place + count);
  }
  return found;
}

}  // namespace clipq
