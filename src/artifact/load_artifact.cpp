#include <utility>

#include "clipq/artifact/artifact.h"
#include "clipq/artifact/tokenizer_files.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/state_digest.h"
#include "clipq/numerics/stored_values.h"
#include "clipq/quant/simulated_layers.h"

namespace clipq {
namespace {

std::vector<std::int64_t> scales_shape(const QuantizerSpec& spec,
                                       const std::vector<std::int64_t>& weight) {
  switch (spec.granularity) {
    case Granularity::kTensor:
      return {};
    case Granularity::kChannel:
    case Granularity::kToken:
      return {weight[0], 1};
    case Granularity::kGroup:
      return {weight[0], spec.groups_in(weight[1])};
  }
  throw InternalError("a granularity without a shape");
}

class Restorer {
 public:
  Restorer(StateDict tensors, const Placement& placement, std::string where)
      : where_(where), reader_(std::move(tensors), std::move(where)), placement_(placement) {}

  void restore(const LinearPart& part) {
    auto weight = take_weight(part.name, {part.out_features, part.in_features});
    const at::Tensor bias =
        part.has_bias() ? reader_.take(part.name + ".bias", {part.out_features}) : at::Tensor();
    const auto input = take_quantizer({part.name, Role::kInput});
    if (weight->quantized() == nullptr && !input) {
      *part.layer = std::make_shared<FloatLinear>(weight->values(), bias);
    } else {
      *part.layer = std::make_shared<SimulatedLinear>(std::move(weight), bias, input);
    }
  }

  void restore(const AttentionPart& part) {
    const auto take = [&](Role role) { return take_quantizer({part.name, role}); };
    AttentionQuantizers quantizers = {take(Role::kQBmm), take(Role::kKBmm), take(Role::kSoftmax),
                                      take(Role::kVBmm), take(Role::kBmm2Output)};
    if (!quantizers.any()) return;  // float as it was made
    *part.layer =
        std::make_shared<SimulatedAttention>(part.heads, part.causal, std::move(quantizers));
  }

  void restore(const EmbeddingPart& part) {
    const auto weight = take_weight(part.name, {part.entries, part.width});
    if (const QuantizedTensor* quantized = weight->quantized()) {
      *part.layer = std::make_shared<SimulatedEmbedding>(*quantized);
    } else {
      *part.layer = std::make_shared<FloatEmbedding>(weight->values());
    }
  }

  void restore(const TensorPart& part) { *part.tensor = reader_.take(part.name, part.shape); }

  at::Tensor restore_logit_scale() { return reader_.take_logit_scale(); }

  void require_empty() const { reader_.require_empty(); }

 private:
  Scales take_scales(const std::string& prefix, const QuantizerSpec& spec,
                     const std::vector<std::int64_t>& shape) {
    Scales scales;
    scales.scale = reader_.take(prefix + "scale", shape);
    if (spec.is_affine()) {
      scales.zero_point = reader_.take(prefix + "zero_point", shape);
    }
    if (spec.scheme == Scheme::kTwin) {
      scales.negative_scale = reader_.take(prefix + "negative_scale", shape);
    }
    require_valid(prefix + "scale", why_invalid(spec, scales));
    return scales;
  }

  void require_valid(const std::string& tensor, const std::string& why) const {
    if (why.empty()) return;
    throw InputError(cat(where_, ": ", tensor, ": ", why, "; the artifact is damaged, or wasn't ",
                         "written by clipq: quantize the checkpoint again"));
  }

  std::shared_ptr<StoredWeight> take_weight(const std::string& module,
                                            const std::vector<std::int64_t>& shape) {
    const PlacedQuantizer* placed = find_enabled(placement_, {module, Role::kWeight});
    if (placed == nullptr) {
      return std::make_shared<StoredWeight>(reader_.take(module + ".weight", shape));
    }
    const QuantizerSpec& spec = placed->spec;
    const std::int64_t packing = format_info(spec.format).codes_per_byte;
    QuantizedTensor quantized;
    quantized.spec = spec;
    quantized.columns = shape[1];
    quantized.codes = reader_.take_codes(
        module + ".weight", {shape[0], (shape[1] + packing - 1) / packing}, spec.code_dtype());
    require_valid(module + ".weight", why_invalid_codes(quantized));
    quantized.scales = take_scales(module + ".weight_", spec, scales_shape(spec, shape));
    return std::make_shared<StoredWeight>(std::move(quantized));
  }

  std::optional<ActivationQuantizer> take_quantizer(const QuantizerId& id) {
    const PlacedQuantizer* placed = find_enabled(placement_, id);
    if (placed == nullptr) return std::nullopt;
    if (!placed->needs_calibration()) return ActivationQuantizer::dynamic(placed->spec);
    return ActivationQuantizer::with_scales(placed->spec,
                                            take_scales(placed->name() + ".", placed->spec, {}));
  }

  std::string where_;
  StateDictReader reader_;
  const Placement& placement_;
};

/// Artifacts of clipq 0.1 have no digest.
void require_digest(const StateDict& tensors, const Manifest& manifest, const std::string& where) {
  if (manifest.tensors_sha256.empty() || sha256_of(tensors) == manifest.tensors_sha256) return;
  throw InputError(cat(where,
                       ": its tensors aren't those that clipq wrote (their SHA-256 isn't the "
                       "manifest's tensors_sha256); quantize the checkpoint again"));
}

void require_digest(const Documents& documents, const Manifest& manifest,
                    const std::string& where) {
  if (manifest.tokenizer_sha256.empty() ||
      tokenizer_digest(documents, where) == manifest.tokenizer_sha256) {
    return;
  }
  throw InputError(cat(where,
                       ": its tokenizer isn't the one that clipq wrote (its SHA-256 isn't the "
                       "manifest's tokenizer_sha256); quantize the checkpoint again"));
}

}  // namespace

bool is_artifact(const CheckpointContents& contents) {
  return contents.documents.count(kManifestDocument) > 0;
}

Artifact load_artifact(CheckpointContents contents, const std::string& where) {
  contents.archive.reset();  // tensors are freed one by one as their layers are made
  const std::string place = cat(where, ": ", kManifestDocument);
  Manifest manifest =
      manifest_from_json(parse_json(contents.documents[kManifestDocument], place), place);
  require_digest(contents.tensors, manifest, where);
  require_digest(contents.documents, manifest, where);
  Placement placement;
  for (const QuantizerRecord& record : manifest.quantization.quantizers) {
    placement.push_back(record.placed);
  }
  Artifact artifact;
  artifact.source = manifest.source;
  artifact.tokenizer = tokenizer_of(contents.documents, where);
  ClipModel& model = artifact.quantized.model;
  model = make_towers(manifest.config);
  model.preprocess = manifest.preprocess;
  Restorer restorer(std::exchange(contents.tensors, {}), placement, where);
  const ModelParts parts = parts_of(model);
  for (const EmbeddingPart& part : parts.embeddings) restorer.restore(part);
  for (const AttentionPart& part : parts.attentions) restorer.restore(part);
  for (const LinearPart& part : parts.linears) restorer.restore(part);
  for (const TensorPart& part : parts.tensors) restorer.restore(part);
  if (model.image && model.text) model.logit_scale = restorer.restore_logit_scale();
  restorer.require_empty();
  artifact.quantized.quantization = std::move(manifest.quantization);
  return artifact;
}

}  // namespace clipq
