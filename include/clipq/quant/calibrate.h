#pragma once

#include <functional>
#include <map>
#include <string>

#include "clipq/numerics/quantize.h"
#include "clipq/quant/placement.h"

namespace clipq {

/// Inputs for calibration: either tensor may be undefined.
struct CalibrationBatch {
  at::Tensor pixels;  ///< float32 [n, 3, R, R]
  at::Tensor tokens;  ///< int64 or int32 [m, context_length]
};

/// Gives the next batch; returns false at the end.
using CalibrationStream = std::function<bool(CalibrationBatch&)>;

/// Ranges of static activation quantizers by name.
using CalibratedRanges = std::map<std::string, Range>;

/// Whether the placement has a static activation quantizer in this tower.
bool needs_calibration(const Placement& placement, Tower tower);

/// Runs the float model on the stream with an observer at every enabled static activation
/// quantizer. Text is run without its padding: observers see real tokens only.
/// @param default_observer for quantizers whose spec names none
/// Throws InputError if an observer has seen no finite value.
CalibratedRanges calibrate(ClipModel model, const Placement& placement,
                           const std::string& default_observer, const CalibrationStream& stream);

}  // namespace clipq
