#include "clipq/model/build_model.h"

#include <set>
#include <utility>
#include <vector>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kLogitScale = "logit_scale";

std::shared_ptr<const Linear> take_linear(StateDictReader& state, const LinearPart& part) {
  const at::Tensor stored = state.take(part.stored.weight, part.stored.shape).flatten(1);
  const at::Tensor bias =
      part.has_bias() ? state.take(part.stored.bias, {part.out_features}) : at::Tensor();
  return std::make_shared<FloatLinear>(part.stored.transposed ? stored.t().contiguous() : stored,
                                       bias);
}

std::set<std::string> expected_names(const ModelParts& parts, bool has_scale) {
  std::set<std::string> names;
  for (const TensorPart& part : parts.tensors) names.insert(part.name);
  for (const EmbeddingPart& part : parts.embeddings) names.insert(part.name + ".weight");
  for (const LinearPart& part : parts.linears) {
    names.insert(part.stored.weight);
    if (part.has_bias()) names.insert(part.stored.bias);
  }
  if (has_scale) names.insert(kLogitScale);
  return names;
}

void require_names(const StateDict& state, const std::set<std::string>& expected,
                   const std::string& where) {
  std::vector<std::string> missing;
  std::vector<std::string> left_over;
  for (const std::string& name : expected) {
    if (state.count(name) == 0) missing.push_back(name);
  }
  for (const auto& [name, tensor] : state) {
    // A tower that was cut out of a whole model may still have it.
    if (expected.count(name) == 0 && name != kLogitScale) left_over.push_back(name);
  }
  if (missing.empty() && left_over.empty()) return;
  throw TensorNamesError(cat(where, ": ", names_text(missing, left_over)), missing, left_over);
}

}  // namespace

ClipModel build_model(const ClipConfig& config, const Preprocess& preprocess, StateDict state,
                      const std::string& where) {
  validate(config, where);
  validate(preprocess, where);
  ClipModel model = make_towers(config);
  model.preprocess = preprocess;
  const ModelParts parts = parts_of(model);
  const bool has_scale = model.image && model.text;
  require_names(state, expected_names(parts, has_scale), where);
  StateDictReader reader(std::move(state), where);
  for (const TensorPart& part : parts.tensors) *part.tensor = reader.take(part.name, part.shape);
  for (const LinearPart& part : parts.linears) *part.layer = take_linear(reader, part);
  for (const EmbeddingPart& part : parts.embeddings) {
    *part.layer = std::make_shared<FloatEmbedding>(
        reader.take(part.name + ".weight", {part.entries, part.width}));
  }
  if (has_scale) model.logit_scale = reader.take_logit_scale();
  return model;
}

}  // namespace clipq
