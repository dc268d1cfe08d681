#include "clipq/quant/fold_sites.h"

#include <algorithm>

#include "clipq/core/error.h"

namespace clipq {
namespace {

void scale_columns(std::shared_ptr<const Linear>& layer, const at::Tensor& factor) {
  const LinearContents plain = float_contents(*layer);
  layer = std::make_shared<FloatLinear>(plain.weight.mul(factor), plain.bias);
}

void scale_rows(std::shared_ptr<const Linear>& layer, const at::Tensor& factor) {
  const LinearContents plain = float_contents(*layer);
  layer = std::make_shared<FloatLinear>(plain.weight.mul(factor.unsqueeze(1)),
                                        plain.bias.defined() ? plain.bias.mul(factor) : plain.bias);
}

/// Multiplies the rows of the qkv layer that make a part by `factor` [width].
void scale_part(std::shared_ptr<const Linear>& qkv, std::int64_t part, const at::Tensor& factor) {
  const LinearContents plain = float_contents(*qkv);
  const std::int64_t width = factor.size(0);
  at::Tensor weight = plain.weight.clone();
  at::Tensor bias = plain.bias.clone();
  weight.narrow(0, part * width, width).mul_(factor.unsqueeze(1));
  bias.narrow(0, part * width, width).mul_(factor);
  qkv = std::make_shared<FloatLinear>(weight, bias);
}

}  // namespace

LinearContents float_contents(const Linear& layer) {
  const std::optional<LinearContents> contents = layer.contents();
  if (!contents || !contents->is_float()) {
    throw InternalError("a layer that should be float is quantized");
  }
  return *contents;
}

ProjectionPart part_of(const Linear& qkv, std::int64_t part) {
  const LinearContents plain = float_contents(qkv);
  const std::int64_t width = qkv.out_features() / 3;
  return {plain.weight.narrow(0, part * width, width), plain.bias.narrow(0, part * width, width)};
}

std::vector<FoldSite> fold_sites(const ModelParts& parts) {
  std::vector<FoldSite> sites;
  auto attention = parts.attentions.begin();
  for (const LinearPart& part : parts.linears) {
    if (attention != parts.attentions.end() && attention->qkv == part.layer) {
      const AttentionPart& a = *attention++;
      sites.push_back({FoldKind::kQueriesKeys, a.qkv_name, a.name, a.norm, a.qkv, a.qkv});
      sites.push_back({FoldKind::kValues, a.output_name, a.name, a.norm, a.qkv, a.output});
    }
    if (part.producer != nullptr) {
      sites.push_back({FoldKind::kConvolution, part.name, "", nullptr, part.producer, part.layer,
                       part.window->area()});
    }
    if (part.norm == nullptr) continue;
    sites.push_back({FoldKind::kNorm, part.name, "", part.norm, nullptr, part.layer});
  }
  return sites;
}

at::Tensor by_column(const FoldSite& site, const at::Tensor& channels) {
  return channels.repeat_interleave(site.taps);
}

at::Tensor by_channel(const FoldSite& site, const at::Tensor& columns) {
  return columns.view({-1, site.taps});
}

bool concerns(const FoldSite& site, const QuantizerId& quantizer) {
  const auto& [layer, role] = quantizer;
  if (layer == site.consumer_name) return role == Role::kWeight || role == Role::kInput;
  if (layer != site.attention_name) return false;
  if (site.kind == FoldKind::kValues) return role == Role::kVBmm || role == Role::kBmm2Output;
  return site.kind == FoldKind::kQueriesKeys && (role == Role::kQBmm || role == Role::kKBmm);
}

bool is_quantized(const FoldSite& site, const Placement& placement) {
  return std::any_of(placement.begin(), placement.end(), [&](const PlacedQuantizer& quantizer) {
    return quantizer.enabled && concerns(site, quantizer.id);
  });
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
    case FoldKind::kConvolution:
      scale_rows(*site.producer, inverse);
      return scale_columns(*site.consumer, by_column(site, scale));
  }
}

}  // namespace clipq
