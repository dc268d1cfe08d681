#include "clipq/quant/recipe_mixer.h"

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/quant/algorithm.h"
#include "clipq/quant/place_quantizers.h"

namespace clipq {
namespace {

bool is_in(const LayerGroup& group, const PlacedQuantizer& quantizer) {
  return std::find(group.layers.begin(), group.layers.end(), quantizer.id.layer) !=
         group.layers.end();
}

/// Whether a glob matches those quantizers and no others.
bool matches_only(const std::string& glob, const std::vector<std::string>& names,
                  const Placement& placement) {
  std::size_t matched = 0;
  for (const PlacedQuantizer& quantizer : placement) {
    if (!matches_name(glob, quantizer.name())) continue;
    if (std::find(names.begin(), names.end(), quantizer.name()) == names.end()) return false;
    ++matched;
  }
  return matched == names.size();
}

/// Globs for the quantizers of a role in a group: one if there is one that matches no others.
std::vector<std::string> globs_for(const LayerGroup& group, Role role,
                                   const std::vector<std::string>& names,
                                   const Placement& placement) {
  for (const std::string& glob : group.globs) {
    const std::string narrowed = glob + name_of(role);
    if (matches_only(narrowed, names, placement)) return {narrowed};
  }
  return names;
}

/// A rule's attributes: those of the spec that a rule with that format wouldn't set by itself.
Json attributes_of(const PlacedQuantizer& quantizer) {
  const QuantizerSpec& spec = quantizer.spec;
  const FormatInfo& info = format_info(spec.format);
  Json json = to_json(spec);
  const bool per_channel = quantizer.is_weight() && info.scaled;
  if (spec.bits == info.bits) json.erase("bits");
  if (spec.scheme == Scheme::kSymmetric) json.erase("scheme");
  if (spec.granularity == (per_channel ? Granularity::kChannel : Granularity::kTensor)) {
    json.erase("granularity");
  }
  if (spec.scale_dtype == ScaleDtype::kFloat32) json.erase("scale_dtype");
  if (spec.range == RangeKind::kStatic) json.erase("range");
  return json;
}

/// The group's rules for quantizers that are on.
void add_rules(Json& rules, const LayerGroup& group, const std::string& comment,
               const Placement& placement) {
  struct Alike {
    Role role;
    Json attributes;
    std::vector<std::string> names;
  };
  std::vector<Alike> kinds;
  for (const PlacedQuantizer& quantizer : placement) {
    if (!quantizer.enabled || !is_in(group, quantizer)) continue;
    Json attributes = attributes_of(quantizer);
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const Alike& each) {
      return each.role == quantizer.id.role && each.attributes == attributes;
    });
    if (kind == kinds.end()) {
      kind = kinds.insert(kinds.end(), {quantizer.id.role, std::move(attributes), {}});
    }
    kind->names.push_back(quantizer.name());
  }
  for (const Alike& kind : kinds) {
    for (const std::string& glob : globs_for(group, kind.role, kind.names, placement)) {
      Json rule = {{"match", glob}};
      rule.update(kind.attributes);
      rule["comment"] = comment;
      rules.push_back(std::move(rule));
    }
  }
}

/// An entry of a recipe's algorithms as an object that may have nothing to do.
Json optional_entry(const Json& entry) {
  Json object = entry.is_string() ? Json({{"name", entry}}) : entry;
  object["optional"] = true;
  return object;
}

/// The algorithms of all formats in the order of the table, each once.
Json common_algorithms(const std::vector<LayerFormat>& formats) {
  Json common = Json::array();
  for (const AlgorithmInfo& info : algorithms()) {
    Json found;
    for (const LayerFormat& format : formats) {
      if (!format.recipe) continue;
      for (const Json& entry : format.recipe->json.value("algorithms", Json::array())) {
        Json own = optional_entry(entry);
        if (own.at("name") != info.name) continue;
        if (!found.is_null() && found != own) {
          throw UsageError(cat("format ", format.name, " has the algorithm ", info.name,
                               " with other options than another format, and a recipe can't have "
                               "both; leave one of them out"));
        }
        found = std::move(own);
      }
    }
    if (!found.is_null()) common.push_back(std::move(found));
  }
  return common;
}

/// What is on in any of them.
Placement any_of(const std::vector<Placement>& placements) {
  Placement any = placements.front();
  for (const Placement& placement : placements) {
    for (std::size_t i = 0; i < any.size(); ++i) any[i].enabled |= placement[i].enabled;
  }
  return any;
}

Placement all_off(Placement placement) {
  for (PlacedQuantizer& quantizer : placement) quantizer.enabled = false;
  return placement;
}

}  // namespace

RecipeMixer::RecipeMixer(ClipModel& model, std::vector<LayerFormat> formats, Component component,
                         std::int64_t samples)
    : formats_(std::move(formats)), samples_(samples) {
  common_algorithms(formats_);
  for (const LayerFormat& format : formats_) {
    if (!format.recipe) continue;
    placements_.push_back(place_quantizers(model, *format.recipe, component));
    if (samples == 0) samples_ = std::max(samples_, format.recipe->samples);
  }
  if (placements_.empty()) throw UsageError("no format quantizes anything; add one that does");
  groups_ = layer_groups(parts_of(model), any_of(placements_));
  for (std::size_t i = 0; i < formats_.size(); ++i) {
    if (formats_[i].recipe) continue;
    const auto place = placements_.begin() + static_cast<std::ptrdiff_t>(i);
    placements_.insert(place, all_off(placements_.front()));
  }
}

Placement RecipeMixer::placement(const FormatChoices& choices) const {
  Placement mixed = all_off(placements_.front());
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    const Placement& chosen = placements_[choices[group]];
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      if (is_in(groups_[group], mixed[i])) mixed[i] = chosen[i];
    }
  }
  return mixed;
}

Json RecipeMixer::rules(const FormatChoices& choices) const {
  const Placement mixed = placement(choices);
  Json rules = {{{"match", "*"}, {"enable", false}}};
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    add_rules(rules, groups_[i], formats_[choices[i]].name, mixed);
  }
  return rules;
}

Json RecipeMixer::recipe(const std::string& name, const FormatChoices& choices) const {
  Json json = {{"name", name}, {"rules", rules(choices)}};
  std::int64_t rows = 0;
  for (const LayerFormat& format : formats_) {
    if (format.recipe) rows = std::max(rows, format.recipe->rows);
  }
  json["calibration"] = {{"samples", samples_}, {"rows", rows}};
  json["algorithms"] = common_algorithms(formats_);
  return json;
}

}  // namespace clipq
