#include "clipq/quant/placement.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/numerics/observer.h"
#include "clipq/quant/algorithm.h"

namespace clipq {
namespace {

bool matches(const std::string& glob, const std::string& name) {
  return fnmatch(glob.c_str(), name.c_str(), 0) == 0;
}

/// Every place of a model, all switched off.
Placement candidates(ClipModel& model) {
  const LayerSlots slots = layer_slots(model);
  Placement placement;
  for (const auto& slot : slots.embeddings) {
    placement.push_back({slot.name, Role::kWeight, slot.tower, false, {}});
  }
  for (const auto& slot : slots.linears) {
    placement.push_back({slot.name, Role::kWeight, slot.tower, false, {}});
    placement.push_back({slot.name, Role::kInput, slot.tower, false, {}});
    const auto attention = std::find_if(
        slots.attentions.begin(), slots.attentions.end(),
        [&](const auto& candidate) { return candidate.name + ".in_proj" == slot.name; });
    if (attention == slots.attentions.end()) continue;
    for (const Role role : kAttentionRoles) {
      placement.push_back({attention->name, role, attention->tower, false, {}});
    }
  }
  return placement;
}

void apply(const Rule& rule, PlacedQuantizer& quantizer) {
  QuantizerSpec& spec = quantizer.spec;
  if (rule.format) {
    spec = {};
    spec.format = *rule.format;
    spec.bits = format_info(*rule.format).bits;
    const bool per_channel = quantizer.is_weight() && format_info(*rule.format).scaled;
    spec.granularity = per_channel ? Granularity::kChannel : Granularity::kTensor;
    quantizer.enabled = true;
  }
  if (rule.bits) spec.bits = *rule.bits;
  if (rule.scheme) spec.scheme = *rule.scheme;
  if (rule.granularity) set_granularity(spec, *rule.granularity, rule.match);
  if (rule.scale_dtype) spec.scale_dtype = *rule.scale_dtype;
  if (rule.range) spec.range = *rule.range;
  if (spec.range == RangeKind::kDynamic) spec.observer.clear();
  if (rule.observer) spec.observer = *rule.observer;
  if (rule.enable) quantizer.enabled = *rule.enable;
}

/// Applies a rule to all that it matches; returns whether it matched anything.
bool apply(const Rule& rule, Placement& placement, std::set<std::string>& with_format) {
  bool matched = false;
  for (PlacedQuantizer& quantizer : placement) {
    if (!matches(rule.match, quantizer.name())) continue;
    matched = true;
    apply(rule, quantizer);
    if (rule.format) with_format.insert(quantizer.name());
  }
  return matched;
}

[[noreturn]] void throw_no_match(const Rule& rule, const Placement& placement,
                                 const Recipe& recipe) {
  std::vector<std::string> words;
  for (const PlacedQuantizer& quantizer : placement) {
    words.push_back(quantizer.name());
    words.push_back(cat("*.", name_of(quantizer.role)));
    words.push_back(quantizer.module + ".*");
  }
  throw UsageError(cat("recipe ", recipe.name, ": the rule for \"", rule.match,
                       "\" matches no quantizer of this model", suggestion(rule.match, words),
                       " Mark the rule \"optional\": true if that is meant"));
}

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

const char* name_of(Role role) {
  switch (role) {
    case Role::kWeight:
      return "weight_quantizer";
    case Role::kInput:
      return "input_quantizer";
    case Role::kQBmm:
      return "q_bmm_quantizer";
    case Role::kKBmm:
      return "k_bmm_quantizer";
    case Role::kSoftmax:
      return "softmax_quantizer";
    case Role::kVBmm:
      return "v_bmm_quantizer";
    case Role::kBmm2Output:
      return "bmm2_output_quantizer";
  }
  throw InternalError("a role without a name");
}

const char* name_of(Component component) {
  switch (component) {
    case Component::kImage:
      return "image";
    case Component::kText:
      return "text";
    case Component::kBoth:
      return "both";
  }
  throw InternalError("a component without a name");
}

Component parse_component(const std::string& name) {
  for (const Component component : {Component::kImage, Component::kText, Component::kBoth}) {
    if (name == name_of(component)) return component;
  }
  throw UsageError(cat("unknown component \"", name, "\"; expected image, text or both"));
}

bool includes(Component component, Tower tower) {
  return component == Component::kBoth ||
         (component == Component::kImage) == (tower == Tower::kVisual);
}

bool PlacedQuantizer::needs_calibration() const {
  return enabled && !is_weight() && spec.range == RangeKind::kStatic;
}

Placement place_quantizers(ClipModel& model, const Recipe& recipe, Component component) {
  Placement placement = candidates(model);
  std::set<std::string> with_format;
  for (const Rule& rule : recipe.rules) {
    if (!apply(rule, placement, with_format) && !rule.optional) {
      throw_no_match(rule, placement, recipe);
    }
  }
  for (std::size_t i = 0; i < recipe.algorithms.size(); ++i) {
    const Algorithm& algorithm = *recipe.algorithms[i];
    if (std::none_of(placement.begin(), placement.end(), [&](const PlacedQuantizer& quantizer) {
          return quantizer.enabled && algorithm.serves(quantizer);
        })) {
      throw UsageError(cat("recipe ", recipe.name, ": algorithm ", i + 1,
                           " has nothing to do: no quantizer that it could serve is on"));
    }
  }
  for (PlacedQuantizer& quantizer : placement) {
    if (!includes(component, quantizer.tower)) quantizer.enabled = false;
    if (!quantizer.enabled) continue;
    const std::string place = cat("recipe ", recipe.name, ": ", quantizer.name());
    if (with_format.count(quantizer.name()) == 0) {
      throw UsageError(cat(place, " is enabled, but no rule gives it a \"format\""));
    }
    const std::string why = contradiction(quantizer);
    if (!why.empty()) throw UsageError(cat(place, ": ", why));
    if (quantizer.needs_calibration()) {
      if (quantizer.spec.observer.empty()) quantizer.spec.observer = recipe.observer;
      require_observer_for(quantizer.spec.observer, quantizer.spec, place);
    }
  }
  return placement;
}

const PlacedQuantizer* find_enabled(const Placement& placement, const std::string& module,
                                    Role role) {
  const auto found =
      std::find_if(placement.begin(), placement.end(), [&](const PlacedQuantizer& quantizer) {
        return quantizer.enabled && quantizer.role == role && quantizer.module == module;
      });
  return found == placement.end() ? nullptr : &*found;
}

}  // namespace clipq
