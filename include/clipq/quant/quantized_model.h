#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/quant/calibrate.h"

namespace clipq {

/// Smallest and largest amax over a quantizer's scales (equal if there is one).
struct AmaxSummary {
  double min = 0;
  double max = 0;
  std::int64_t count = 0;
};

/// A quantizer of a finished model: its place, and the range it ended up with (absent if dynamic or
/// off).
struct QuantizerRecord {
  PlacedQuantizer placed;
  std::optional<AmaxSummary> amax;
};

/// What was done to a model, as its artifact's manifest keeps it.
struct Quantization {
  Json recipe;  ///< as used, with overrides
  std::string recipe_name;
  std::string component;
  std::vector<QuantizerRecord> quantizers;  ///< all places, also those that are off
  Json calibration;  ///< provenance: spec, samples, observer; null if none was needed
};

/// A quantized model and how it came about.
struct QuantizedModel {
  ClipModel model;
  Quantization quantization;
};

/// Replaces every layer that has an enabled quantizer by one that computes with quantized values.
/// `model` is taken over so that each float weight is freed as soon as it has been replaced.
/// Fills quantization.quantizers only.
QuantizedModel convert(ClipModel model, const Placement& placement, const CalibratedRanges& ranges);

}  // namespace clipq
