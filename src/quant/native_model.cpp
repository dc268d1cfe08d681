#include "clipq/quant/native_model.h"

#include <utility>

#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/model/layer_slots.h"
#include "clipq/quant/native_linear.h"
#include "clipq/quant/native_transformer.h"
#include "clipq/quant/simulated_layers.h"

namespace clipq {
namespace {

std::optional<QuantizerSpec> spec_of(const std::optional<ActivationQuantizer>& quantizer) {
  if (!quantizer) return std::nullopt;
  return quantizer->spec();
}

void convert(const LinearSlot& slot, const IntegerPath* path, NativeModel& native) {
  const auto* simulated = dynamic_cast<const SimulatedLinear*>(slot.layer->get());
  if (simulated == nullptr) return;
  const QuantizedTensor* weight = simulated->weight().quantized();
  const std::string reason = weight == nullptr
                                 ? "its weight is not quantized"
                                 : why_not_integer(weight->spec, spec_of(simulated->input()));
  if (!reason.empty()) {
    native.simulated.push_back(cat(slot.name, ": ", reason));
    return;
  }
  auto integer =
      std::make_shared<const IntegerLinear>(*weight, simulated->bias(), *simulated->input(), path);
  ++native.layers[integer->path_name()];
  *slot.layer = std::make_shared<NativeLinear>(std::move(integer));
}

}  // namespace

std::string NativeModel::describe() const {
  std::vector<std::string> parts;
  for (const auto& [path, count] : layers) {
    parts.push_back(layers.size() == 1 ? path : cat(path, " (", count, ")"));
  }
  if (!parts.empty() && !simulated.empty()) {
    parts.push_back(cat("simulated (", simulated.size(), ")"));
  }
  if (!parts.empty() && !attention.empty())
    parts.push_back(cat("attention ", join(attention, " and ")));
  return join(parts, ", ");
}

NativeModel make_native(ClipModel model, const NativeOptions& options) {
  NativeModel native;
  const LayerSlots slots = layer_slots(model);
  for (const LinearSlot& slot : slots.linears) {
    throw_if_interrupted();
    convert(slot, options.path, native);
  }
  for (const auto& slot : slots.attentions) {
    if (dynamic_cast<const SimulatedAttention*>(slot.layer->get()) != nullptr) {
      native.simulated.push_back(cat(slot.name, ": attention has no integer kernels"));
    }
  }
  const auto runner = [&](const Transformer& blocks,
                          Tower tower) -> std::shared_ptr<const TransformerRunner> {
    if (!NativeTransformer::can_run(blocks)) return nullptr;
    const AttentionPath& attention =
        options.attention == nullptr
            ? fastest_attention_path(tower == Tower::kVisual ? model.config.vision_tokens()
                                                             : model.config.context_length)
            : *options.attention;
    auto transformer = std::make_shared<NativeTransformer>(blocks, BlockChoices{&attention}, tower);
    if (&attention != &float32_attention_path() && transformer->has_float_attention()) {
      native.attention.push_back(cat(attention.name, " (", name_of(tower), ")"));
    }
    return transformer;
  };
  model.visual.runner = runner(model.visual.blocks, Tower::kVisual);
  model.text.runner = runner(model.text.blocks, Tower::kText);
  native.model = std::move(model);
  return native;
}

}  // namespace clipq
