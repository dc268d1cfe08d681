#pragma once

#include <filesystem>
#include <string>

#include "clipq/library/open_model.h"

namespace clipq {

/// clipq inspect: a description of a checkpoint or an artifact.
struct Inspection {
  std::string text;  ///< human-readable
  Json json;
};

Inspection inspect(const std::filesystem::path& file, const ModelOptions& options);

}  // namespace clipq
