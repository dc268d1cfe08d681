#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "clipq/core/export.h"
#include "clipq/data/image.h"
#include "clipq/library/embedder.h"

namespace clipq {

/// An image to calibrate on, with any number of captions.
struct CalibrationItem {
  Image image;
  std::vector<std::string> captions = {};
};

/// How a checkpoint is quantized.
struct QuantizeCheckpointOptions {
  std::string recipe = "int8-dynamic";  ///< the name of a built-in one, or a JSON file
  /// Changes to the recipe: "calibration.KEY=VALUE", "algorithms.NAME.OPTION=VALUE" or
  /// "GLOB.ATTRIBUTE=VALUE", for instance "*.weight_quantizer.bits=8".
  std::vector<std::string> overrides = {};
  std::string component = "both";  ///< "image", "text" or "both"
  /// All of it is used, during the call only. Recipes with static ranges or algorithms need it;
  /// with other recipes it only measures how well the quantizers fit.
  std::span<const CalibrationItem> calibration = {};
  EmbedderOptions open = {};  ///< how the checkpoint is opened
};

/// What was written.
struct QuantizedFile {
  std::int64_t bytes = 0;                  ///< of the artifact
  std::int64_t float32_bytes = 0;          ///< of the checkpoint's weights in float32
  std::vector<std::string> warnings = {};  ///< what looks suspicious, by quantizer
};

/// Quantizes a float checkpoint into an artifact, which Embedder opens and stock PyTorch runs. The
/// file is written completely or not at all. Throws UsageError if options are wrong or the recipe
/// needs calibration data and none is given, InputError if the checkpoint can't be used or the
/// artifact can't be written.
CLIPQ_EXPORT QuantizedFile quantize_checkpoint(const std::filesystem::path& checkpoint,
                                               const std::filesystem::path& artifact,
                                               const QuantizeCheckpointOptions& options = {});

}  // namespace clipq
