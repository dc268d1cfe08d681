#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/quant/algorithm.h"
#include "clipq/quant/calibrate.h"
#include "clipq/quant/calibration_provenance.h"
#include "clipq/quant/diagnosis.h"

namespace clipq {

/// The least and greatest value that codes can stand for, over all scales.
struct Span {
  double low = 0;
  double high = 0;
};

/// The range that a quantizer's codes can stand for.
struct RangeSummary {
  double amax_min = 0;  ///< smallest and largest amax over its scales (equal if there is one)
  double amax_max = 0;
  Span span;               ///< over all scales
  std::int64_t count = 0;  ///< scales
};

/// A quantizer of a finished model: its place, the range it ended up with (absent if dynamic or
/// off), and how well it fits (absent if no values were at hand).
struct QuantizerRecord {
  PlacedQuantizer placed;
  std::optional<RangeSummary> range;
  std::optional<Diagnosis> diagnosis;
};

/// What was done to a model, as its artifact's manifest keeps it. Without quantizers: nothing, it
/// is the float model.
struct Quantization {
  Json recipe;  ///< as used, with overrides
  std::string recipe_name;
  std::string component;
  std::vector<QuantizerRecord> quantizers;           ///< all places, also those that are off
  std::vector<std::string> warnings;                 ///< what looks wrong, by quantizer
  std::optional<CalibrationProvenance> calibration;  ///< absent if there were no data
};

/// A quantized model and how it came about.
struct QuantizedModel {
  ClipModel model;
  Quantization quantization;
};

/// Replaces every layer that has an enabled quantizer by one that computes with quantized values.
/// `model` is taken over so that each float weight is freed as soon as it has been replaced.
/// Fills quantization.quantizers and quantization.warnings only.
/// @param algorithms change how weights are quantized, and biases
/// @param data with the range of every static activation quantizer; with sampled rows, they serve
///        algorithms and diagnosis
/// Throws InputError if a range isn't finite.
QuantizedModel convert(ClipModel model, const Placement& placement, const Algorithms& algorithms,
                       const CalibrationData& data);

}  // namespace clipq
