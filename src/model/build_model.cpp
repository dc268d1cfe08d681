#include "clipq/model/build_model.h"

#include <utility>

namespace clipq {
namespace {

std::shared_ptr<const Linear> take_linear(StateDictReader& state, const LinearPart& part) {
  const at::Tensor stored = state.take(part.stored.weight, part.stored.shape).flatten(1);
  const at::Tensor bias =
      part.has_bias() ? state.take(part.stored.bias, {part.out_features}) : at::Tensor();
  return std::make_shared<FloatLinear>(part.stored.transposed ? stored.t().contiguous() : stored,
                                       bias);
}

}  // namespace

ClipModel build_model(const ClipConfig& config, const Preprocess& preprocess, StateDict state,
                      const std::string& where) {
  validate(config, where);
  validate(preprocess, where);
  StateDictReader reader(std::move(state), where);
  ClipModel model = make_towers(config);
  model.preprocess = preprocess;
  const ModelParts parts = parts_of(model);
  for (const TensorPart& part : parts.tensors) *part.tensor = reader.take(part.name, part.shape);
  for (const LinearPart& part : parts.linears) *part.layer = take_linear(reader, part);
  for (const EmbeddingPart& part : parts.embeddings) {
    *part.layer = std::make_shared<FloatEmbedding>(
        reader.take(part.name + ".weight", {part.entries, part.width}));
  }
  model.logit_scale = reader.take_logit_scale();
  reader.require_empty({"input_resolution", "context_length", "vocab_size", "attn_mask"});
  return model;
}

}  // namespace clipq
