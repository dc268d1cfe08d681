#include "clipq/quant/placement.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

std::string format_contradiction(const QuantizerSpec& spec) {
  const FormatInfo& info = format_info(spec.format);
  if (info.is_float && spec.scheme != Scheme::kSymmetric) return "float formats are symmetric";
  if (info.is_float && spec.bits != info.bits) {
    return cat(info.name, " has ", info.bits, " bits, got ", spec.bits);
  }
  if (spec.bits < 2 || spec.bits > info.bits) {
    return cat(info.name, " has 2 to ", info.bits, " bits, got ", spec.bits);
  }
  if (!info.scaled && spec.granularity != Granularity::kTensor) {
    return cat(info.name, " has no scales: its granularity is tensor");
  }
  return "";
}

std::string weight_contradiction(const QuantizerSpec& spec) {
  if (spec.range == RangeKind::kDynamic) return "the range of a weight is static";
  if (!spec.observer.empty()) return "the range of a weight is its own: it takes no observer";
  if (spec.scheme == Scheme::kTwin) return "a weight's scheme is symmetric or affine";
  if (spec.granularity == Granularity::kToken) {
    return "a weight's granularity is tensor, channel or group:N";
  }
  return "";
}

std::string activation_contradiction(const QuantizerSpec& spec) {
  if (format_info(spec.format).weights_only) {
    return cat(format_info(spec.format).name, " is for weights");
  }
  if (spec.range == RangeKind::kDynamic && !spec.observer.empty()) {
    return "a dynamic range takes no observer";
  }
  if (spec.granularity == Granularity::kChannel) {
    return "an activation's granularity is tensor, token or group:N";
  }
  if (spec.granularity != Granularity::kTensor && spec.range == RangeKind::kStatic) {
    return "per-token and per-group ranges of activations are dynamic";
  }
  return "";
}

}  // namespace

std::string contradiction(const PlacedQuantizer& quantizer) {
  const std::string why = format_contradiction(quantizer.spec);
  if (!why.empty()) return why;
  return quantizer.is_weight() ? weight_contradiction(quantizer.spec)
                               : activation_contradiction(quantizer.spec);
}

bool PlacedQuantizer::needs_calibration() const {
  return enabled && !is_weight() && spec.range == RangeKind::kStatic;
}

const PlacedQuantizer* find_enabled(const Placement& placement, const QuantizerId& id) {
  const auto found = std::find_if(
      placement.begin(), placement.end(),
      [&](const PlacedQuantizer& quantizer) { return quantizer.enabled && quantizer.id == id; });
  return found == placement.end() ? nullptr : &*found;
}

}  // namespace clipq
