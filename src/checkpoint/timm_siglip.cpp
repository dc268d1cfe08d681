#include "timm_siglip.h"

#include <array>
#include <string_view>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Towers whose names begin alike. The same weights have another activation in timm than in
/// transformers, which has the tanh form everywhere.
struct NamedTower {
  std::string_view beginning;
  TimmSiglip tower;
};

/// As timm 1.0.31's vision_transformer.py has them, the more special ones first.
constexpr std::array<NamedTower, 7> kNamedTowers = {
    {{"vit_base_patch16_siglip_", {12, Activation::kGelu}},
     {"vit_base_patch32_siglip_", {12, Activation::kGeluTanh}},
     {"vit_large_patch16_siglip_512", {16, Activation::kGeluTanh}},
     {"vit_large_patch16_siglip_", {16, Activation::kGelu}},
     {"vit_so400m_patch14_siglip_", {16, Activation::kGelu}},
     {"vit_so400m_patch16_siglip_", {16, Activation::kGeluTanh}},
     {"vit_giantopt_patch16_siglip_", {16, Activation::kGeluTanh}}}};

}  // namespace

TimmSiglip timm_siglip(const Json& vision, const std::string& place) {
  const auto name = json_value<std::string>(vision, "timm_model_name", "", place);
  const auto pool = json_value<std::string>(vision, "timm_pool", "avg", place);
  const auto projection = json_value<std::string>(vision, "timm_proj", "linear", place);
  for (const NamedTower& each : kNamedTowers) {
    if (!name.starts_with(each.beginning) || name.find("_gap_") != std::string::npos) continue;
    if (pool == "map" && (projection == "none" || projection.empty())) return each.tower;
    throw InputError(cat(place, ": \"timm_pool\" is ", pool, " and \"timm_proj\" is ", projection,
                         "; clipq supports map and none only"));
  }
  throw InputError(cat(place, ": \"timm_model_name\" is ", name,
                       ", which clipq doesn't support; of timm's towers it supports SigLIP's"));
}

}  // namespace clipq
