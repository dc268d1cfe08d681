#include "clipq/model/whole_batch.h"

#include <algorithm>

namespace clipq {

bool needs_whole_batch(const ClipModel& model) {
  const std::vector<Tower> towers = model.towers();
  return std::any_of(towers.begin(), towers.end(),
                     [&model](Tower tower) { return model.tower(tower).needs_whole_batch(); });
}

}  // namespace clipq
