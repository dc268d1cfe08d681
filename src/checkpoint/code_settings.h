#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/checkpoint/settled_tower.h"
#include "clipq/checkpoint/torchscript_archive.h"

namespace clipq {

/// What the text of the archive's code shows of a tower.
/// @param modules paths of the tower's modules
/// @param width of the tower
CodeSettings read_code_settings(const TorchScriptArchive& archive,
                                const std::vector<std::string>& modules, std::int64_t width);

}  // namespace clipq
