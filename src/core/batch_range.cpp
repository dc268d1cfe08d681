#include "clipq/core/batch_range.h"

#include "clipq/core/strings.h"

namespace clipq {

std::string to_text(const BatchRange& batches) {
  if (batches.count() == 0) return "no batches";
  return cat("batches ", batches.first, " to ", batches.last - 1);
}

BatchRange share_of(std::int64_t batches, std::int64_t index, std::int64_t count) {
  return {batches * index / count, batches * (index + 1) / count};
}

}  // namespace clipq
