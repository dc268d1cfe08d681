#include "clipq/quant/row_panels.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace clipq {
namespace {

/// Rows that are worth reading a weight for once more: 56 rows of an MLP's hidden layer are two
/// thirds of a MiB.
constexpr std::int64_t kLargest = 56;

}  // namespace

RowPanels::RowPanels(std::int64_t n, std::int64_t threads) : rows(n) {
  const std::int64_t panels = (n + kLargest - 1) / kLargest;
  count = std::clamp<std::int64_t>((panels + threads - 1) / threads * threads, 1,
                                   std::max<std::int64_t>(n, 1));
}

void for_each_panel(std::int64_t rows,
                    const std::function<void(std::int64_t first, std::int64_t count)>& body) {
  const RowPanels panels(rows, at::get_num_threads());
  at::parallel_for(0, panels.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      if (panels.size(panel) > 0) body(panels.first(panel), panels.size(panel));
    }
  });
}

}  // namespace clipq
