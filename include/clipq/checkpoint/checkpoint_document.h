#pragma once

#include <string>

#include "clipq/core/json.h"

namespace clipq {

/// Throws UsageError that names `where` and the key unless the document's keys are those of a
/// clipq_checkpoint.json, with valid values.
void require_valid_document(const Json& document, const std::string& where);

}  // namespace clipq
