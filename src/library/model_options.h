#pragma once

#include "clipq/library/embedder.h"
#include "clipq/library/open_model.h"

namespace clipq {

/// Throws UsageError if an activation is unknown or a number of heads isn't positive.
ModelOptions model_options(const EmbedderOptions& options);

}  // namespace clipq
