#pragma once

#include <string>

#include "clipq/core/json.h"
#include "clipq/data/preprocess.h"

namespace clipq {

/// All members by name. Two Preprocesses that give other pixels have other documents.
Json to_json(const Preprocess& preprocess);

/// Reads all members by name; what is absent is OpenAI's. Throws UsageError that names `where` and
/// the valid values.
Preprocess preprocess_from_json(const Json& json, const std::string& where);

}  // namespace clipq
