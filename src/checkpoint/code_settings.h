#pragma once

#include <cstdint>
#include <optional>

#include "clipq/checkpoint/torchscript_archive.h"
#include "clipq/model/clip_config.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// What the text of an archive's code shows of a tower. Empty: it doesn't show, or in two ways.
struct CodeSettings {
  std::optional<std::int64_t> heads;
  std::optional<Activation> activation;
  std::optional<double> layer_norm_eps;
};

CodeSettings read_code_settings(const TorchScriptArchive& archive, Tower tower,
                                const ClipConfig& config);

}  // namespace clipq
