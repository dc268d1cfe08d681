#include "clipq/quant/fold_sites.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

void add_blocks(std::vector<FoldSite>& sites, Transformer& blocks, Tower tower) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    Block& block = blocks[i];
    const std::string name = block_name(tower, i);
    const std::string attention = name + ".attn";
    const std::string in_proj = attention + ".in_proj";
    sites.push_back(
        {FoldKind::kQueriesKeys, in_proj, attention, &block.ln_1, &block.in_proj, &block.in_proj});
    sites.push_back({FoldKind::kValues, attention + ".out_proj", attention, &block.ln_1,
                     &block.in_proj, &block.out_proj});
    sites.push_back({FoldKind::kNorm, in_proj, "", &block.ln_1, nullptr, &block.in_proj});
    sites.push_back({FoldKind::kNorm, name + ".mlp.c_fc", "", &block.ln_2, nullptr, &block.c_fc});
  }
}

void scale_columns(std::shared_ptr<const Linear>& layer, const at::Tensor& factor) {
  const FloatLinear& plain = as_float(*layer);
  layer = std::make_shared<FloatLinear>(plain.weight().mul(factor), plain.bias());
}

/// Multiplies the rows of in_proj that make a part by `factor` [width].
void scale_part(std::shared_ptr<const Linear>& in_proj, std::int64_t part,
                const at::Tensor& factor) {
  const FloatLinear& plain = as_float(*in_proj);
  const std::int64_t width = factor.size(0);
  at::Tensor weight = plain.weight().clone();
  at::Tensor bias = plain.bias().clone();
  weight.narrow(0, part * width, width).mul_(factor.unsqueeze(1));
  bias.narrow(0, part * width, width).mul_(factor);
  in_proj = std::make_shared<FloatLinear>(weight, bias);
}

}  // namespace

const FloatLinear& as_float(const Linear& layer) {
  const auto* plain = dynamic_cast<const FloatLinear*>(&layer);
  if (plain == nullptr) throw InternalError("a layer that should be float is quantized");
  return *plain;
}

ProjectionPart part_of(const Linear& in_proj, std::int64_t part) {
  const FloatLinear& plain = as_float(in_proj);
  const std::int64_t width = plain.out_features() / 3;
  return {plain.weight().narrow(0, part * width, width),
          plain.bias().narrow(0, part * width, width)};
}

std::vector<FoldSite> fold_sites(ClipModel& model) {
  std::vector<FoldSite> sites;
  add_blocks(sites, model.visual.blocks, Tower::kVisual);
  sites.push_back(
      {FoldKind::kNorm, "visual.proj", "", &model.visual.ln_post, nullptr, &model.visual.proj});
  add_blocks(sites, model.text.blocks, Tower::kText);
  sites.push_back({FoldKind::kNorm, "text_projection", "", &model.text.ln_final, nullptr,
                   &model.text.text_projection});
  return sites;
}

bool is_quantized(const FoldSite& site, const Placement& placement) {
  const auto on = [&placement](const std::string& module, Role role) {
    return find_enabled(placement, module, role) != nullptr;
  };
  if (on(site.consumer_name, Role::kWeight) || on(site.consumer_name, Role::kInput)) return true;
  switch (site.kind) {
    case FoldKind::kNorm:
      return false;
    case FoldKind::kValues:
      return on(site.attention_name, Role::kVBmm) || on(site.attention_name, Role::kBmm2Output);
    case FoldKind::kQueriesKeys:
      return on(site.attention_name, Role::kQBmm) || on(site.attention_name, Role::kKBmm);
  }
  throw InternalError("a fold site without a kind");
}

void fold(const FoldSite& site, const at::Tensor& scale) {
  const at::Tensor inverse = scale.reciprocal();
  switch (site.kind) {
    case FoldKind::kNorm:
      *site.norm = {site.norm->weight.mul(inverse), site.norm->bias.mul(inverse), site.norm->eps};
      return scale_columns(*site.consumer, scale);
    case FoldKind::kValues:
      scale_part(*site.producer, 2, inverse);
      return scale_columns(*site.consumer, scale);
    case FoldKind::kQueriesKeys:
      scale_part(*site.producer, 0, inverse);
      return scale_part(*site.producer, 1, scale);
  }
}

}  // namespace clipq
