#include "clipq/quant/place_quantizers.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/numerics/observer.h"
#include "clipq/quant/algorithm.h"

namespace clipq {
namespace {

/// Every place of a model, all switched off.
Placement candidates(const ModelParts& parts) {
  Placement placement;
  for (const EmbeddingPart& part : parts.embeddings) {
    placement.push_back({{part.name, Role::kWeight}, part.tower});
  }
  auto attention = parts.attentions.begin();
  for (const LinearPart& part : parts.linears) {
    placement.push_back({{part.name, Role::kWeight}, part.tower});
    placement.push_back({{part.name, Role::kInput}, part.tower});
    if (attention == parts.attentions.end() || attention->qkv_name != part.name) continue;
    for (const Role role : kAttentionRoles) {
      placement.push_back({{attention->name, role}, attention->tower});
    }
    ++attention;
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
bool apply(const Rule& rule, Placement& placement, std::set<QuantizerId>& with_format) {
  bool matched = false;
  for (PlacedQuantizer& quantizer : placement) {
    if (!matches_name(rule.match, quantizer.name())) continue;
    matched = true;
    apply(rule, quantizer);
    if (rule.format) with_format.insert(quantizer.id);
  }
  return matched;
}

/// More blocks than any tower has, for names of towers that aren't there.
constexpr std::int64_t kManyBlocks = 64;

/// Places of all kinds of towers that the model doesn't have.
Placement absent_candidates(const ClipModel& model) {
  Placement absent;
  const auto add = [&absent](const ClipConfig& config) {
    ClipModel towers = make_towers(config);
    const Placement places = candidates(parts_of(towers));
    absent.insert(absent.end(), places.begin(), places.end());
  };
  TowerConfig sizes = {1, 1, kManyBlocks, 1, {}};
  sizes.settings.heads = 1;
  if (!model.image) {
    for (const ImagePooling pooling :
         {ImagePooling::kClassToken, ImagePooling::kAttention, ImagePooling::kMeanQuery}) {
      ImageTowerConfig image = {sizes, 1, 1, pooling};
      image.stages = {2, {kManyBlocks, kManyBlocks, kManyBlocks, kManyBlocks}};
      add({image, std::nullopt});
    }
  }
  if (!model.text) {
    TextTowerConfig text;
    static_cast<TowerConfig&>(text) = sizes;
    text.context_length = 1;
    text.vocab_size = 1;
    add({std::nullopt, text});
  }
  return absent;
}

bool matches_any(const Rule& rule, const Placement& placement) {
  return std::any_of(placement.begin(), placement.end(), [&rule](const PlacedQuantizer& quantizer) {
    return matches_name(rule.match, quantizer.name());
  });
}

[[noreturn]] void throw_no_match(const Rule& rule, const Placement& placement,
                                 const Recipe& recipe) {
  std::vector<std::string> words;
  for (const PlacedQuantizer& quantizer : placement) {
    words.push_back(quantizer.name());
    words.push_back(cat("*.", name_of(quantizer.id.role)));
    words.push_back(quantizer.id.layer + ".*");
  }
  throw UsageError(cat("recipe ", recipe.name, ": the rule for \"", rule.match,
                       "\" matches no quantizer of this model", suggestion(rule.match, words),
                       " Mark the rule \"optional\": true if that is meant"));
}

/// Throws UsageError if an algorithm could do something for none of the quantizers that are on.
void require_use(const Recipe& recipe, const Placement& placement, const ModelParts& parts) {
  for (std::size_t i = 0; i < recipe.algorithms.size(); ++i) {
    if (recipe.optional_algorithms.count(i) > 0) continue;
    const Algorithm& algorithm = *recipe.algorithms[i];
    if (std::none_of(placement.begin(), placement.end(), [&](const PlacedQuantizer& quantizer) {
          return quantizer.enabled && algorithm.serves(quantizer, parts);
        })) {
      throw UsageError(cat("recipe ", recipe.name, ": algorithm ", i + 1,
                           " has nothing to do: no quantizer that it could serve is on; mark it ",
                           "\"optional\": true if that is meant"));
    }
  }
}

/// Gives a quantizer that is on its observer, and throws UsageError if it can't be as it is.
void complete(PlacedQuantizer& quantizer, const Recipe& recipe, bool has_format) {
  const std::string place = cat("recipe ", recipe.name, ": ", quantizer.name());
  if (!has_format) {
    throw UsageError(cat(place, " is enabled, but no rule gives it a \"format\""));
  }
  const std::string why = contradiction(quantizer);
  if (!why.empty()) throw UsageError(cat(place, ": ", why));
  if (!quantizer.needs_calibration()) return;
  if (quantizer.spec.observer.empty()) quantizer.spec.observer = recipe.observer;
  require_observer_for(quantizer.spec.observer, quantizer.spec, place);
}

}  // namespace

bool matches_name(const std::string& glob, const std::string& quantizer) {
  return fnmatch(glob.c_str(), quantizer.c_str(), 0) == 0;
}

Placement place_quantizers(ClipModel& model, const Recipe& recipe, Component component) {
  const ModelParts parts = parts_of(model);
  Placement placement = candidates(parts);
  std::set<QuantizerId> with_format;
  const Placement absent = absent_candidates(model);
  for (const Rule& rule : recipe.rules) {
    if (!apply(rule, placement, with_format) && !rule.optional && !matches_any(rule, absent)) {
      throw_no_match(rule, placement, recipe);
    }
  }
  require_use(recipe, placement, parts);
  for (PlacedQuantizer& quantizer : placement) {
    if (!includes(component, quantizer.tower)) quantizer.enabled = false;
    if (!quantizer.enabled) continue;
    complete(quantizer, recipe, with_format.count(quantizer.id) > 0);
  }
  return placement;
}

}  // namespace clipq
