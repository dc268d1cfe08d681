#include "comparable_models.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

void require_comparable(const std::vector<EvaluatedModel>& models, const std::string& task) {
  if (models.size() < 2) {
    throw UsageError(cat(task, " compares models: pass the float model first, then the others"));
  }
  const std::int64_t base = models.front().model->config().embed_dim();
  for (const EvaluatedModel& each : models) {
    const std::int64_t width = each.model->config().embed_dim();
    if (width == base) continue;
    throw UsageError(cat(task, ": embeddings of ", each.label, " have ", width,
                         " dimensions, those of ", models.front().label, " ", base,
                         "; compare models of the same architecture"));
  }
}

}  // namespace clipq
