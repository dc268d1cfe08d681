#pragma once

#include "clipq/model/clip_model.h"

namespace clipq {

/// Whether an item's embedding by one of the towers depends on the others of its batch and on their
/// padding.
bool needs_whole_batch(const ClipModel& model);

}  // namespace clipq
