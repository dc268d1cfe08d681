#pragma once

#include <string>
#include <vector>

#include "clipq/eval/encode.h"

namespace clipq {

/// Throws UsageError that names the task unless there are several models and their embeddings have
/// the same dimension.
void require_comparable(const std::vector<EvaluatedModel>& models, const std::string& task);

}  // namespace clipq
