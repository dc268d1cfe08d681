#include "clipq/native/native_model.h"

#include <utility>

#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/native/native_convolution.h"
#include "clipq/native/native_linear.h"
#include "clipq/native/native_resnet.h"
#include "clipq/native/native_transformer.h"
#include "clipq/numerics/activation_quantizer.h"
#include "clipq/numerics/quantize.h"

namespace clipq {
namespace {

void convert(const LinearPart& part, const IntegerPath* path, NativeModel& native) {
  const std::optional<LinearContents> contents = (*part.layer)->contents();
  if (!contents || contents->is_float()) return;
  std::optional<QuantizerSpec> input;
  if (contents->input != nullptr) input = contents->input->spec();
  const std::string reason = contents->quantized == nullptr
                                 ? "its weight is not quantized"
                                 : why_not_integer(contents->quantized->spec, input);
  if (!reason.empty()) {
    native.simulated.push_back(cat(part.name, ": ", reason));
    return;
  }
  const bool has_windows = part.window && part.window->area() > 1;
  const QuantizedTensor weight =
      has_windows ? NativeConvolution::by_position(*contents->quantized, *part.window)
                  : *contents->quantized;
  auto integer =
      std::make_shared<const IntegerLinear>(weight, contents->bias, *contents->input, path);
  ++native.layers[integer->path_name()];
  if (has_windows) {
    *part.layer = std::make_shared<NativeConvolution>(std::move(integer), *part.window);
  } else {
    *part.layer = std::make_shared<NativeLinear>(std::move(integer));
  }
}

/// Gives a transformer a runner, if its layers can be run by one.
void add_runner(const TransformerPart& part, const AttentionPath* chosen, NativeModel& native) {
  Transformer& transformer = *part.transformer;
  if (!NativeTransformer::can_run(transformer.blocks)) return;
  const AttentionPath& attention = chosen == nullptr ? fastest_attention_path(part.rows) : *chosen;
  auto runner =
      std::make_shared<NativeTransformer>(transformer.blocks, BlockChoices{&attention}, part.name);
  if (&attention != &float32_attention_path() && runner->has_float_attention()) {
    native.attention.push_back(cat(attention.name, " (", name_of(part.tower), ")"));
  }
  transformer.runner = std::move(runner);
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
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    throw_if_interrupted();
    convert(part, options.path, native);
  }
  for (const AttentionPart& part : parts.attentions) {
    if ((*part.layer)->quantizers() != nullptr) {
      native.simulated.push_back(cat(part.name, ": attention has no integer kernels"));
    }
  }
  for (const TransformerPart& part : parts.transformers) {
    add_runner(part, options.attention, native);
  }
  for (const ResNetPart& part : parts.resnets) {
    if (!NativeResNet::can_run(part.network->resnet)) continue;
    part.network->runner = std::make_shared<NativeResNet>(*part.network, part.name);
  }
  native.model = std::move(model);
  return native;
}

}  // namespace clipq
