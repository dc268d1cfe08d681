#include "clipq/native/row_panels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

namespace clipq {

RowPanels::RowPanels(std::int64_t n, std::int64_t threads, std::int64_t most) : rows(n) {
  const std::int64_t panels = (n + most - 1) / most;
  count = std::clamp<std::int64_t>((panels + threads - 1) / threads * threads, 1,
                                   std::max<std::int64_t>(n, 1));
}

void for_each_in_turn(std::int64_t count, const std::function<void(std::int64_t i)>& body) {
  std::atomic<std::int64_t> next = 0;
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t /*begin*/, std::int64_t /*end*/) {
    for (std::int64_t i = next++; i < count; i = next++) body(i);
  });
}

void for_each_panel(std::int64_t rows, std::int64_t most,
                    const std::function<void(std::int64_t first, std::int64_t count)>& body) {
  const RowPanels panels(rows, at::get_num_threads(), most);
  at::parallel_for(0, panels.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      if (panels.size(panel) > 0) body(panels.first(panel), panels.size(panel));
    }
  });
}

}  // namespace clipq
