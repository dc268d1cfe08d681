#pragma once

#include <cstdint>
#include <functional>

namespace clipq {

/// Rows of an activation cut into panels of about the same size: small enough that what a panel
/// needs stays in a core's cache, and a multiple of the threads many, so that none waits.
struct RowPanels {
  std::int64_t rows;
  std::int64_t count;

  /// @param most rows of a panel
  RowPanels(std::int64_t rows, std::int64_t threads, std::int64_t most);

  std::int64_t first(std::int64_t panel) const { return rows * panel / count; }
  std::int64_t size(std::int64_t panel) const { return first(panel + 1) - first(panel); }
};

/// Calls body(i) for all of them, in parallel. Threads take them as they come: one that another
/// program holds up doesn't hold up the rest.
void for_each_in_turn(std::int64_t count, const std::function<void(std::int64_t i)>& body);

/// Calls body(first row, rows) for every panel, in parallel. Exceptions of the body come out here.
void for_each_panel(std::int64_t rows, std::int64_t most,
                    const std::function<void(std::int64_t first, std::int64_t count)>& body);

}  // namespace clipq
