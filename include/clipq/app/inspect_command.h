#pragma once

#include <filesystem>
#include <string>

#include "clipq/app/open_model.h"

namespace clipq {

/// clipq inspect: what a checkpoint or an artifact is.
struct Inspection {
  std::string text;  ///< for people
  Json json;
};

Inspection inspect(const std::filesystem::path& file, const ModelOptions& options);

}  // namespace clipq
