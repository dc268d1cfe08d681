#include "clipq/native/native_model.h"

#include <algorithm>
#include <utility>

#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/dequantized_linear.h"
#include "clipq/kernels/integer_linear.h"
#include "clipq/native/native_attention.h"
#include "clipq/native/native_convolution.h"
#include "clipq/native/native_linear.h"
#include "clipq/native/native_resnet.h"
#include "clipq/native/native_transformer.h"
#include "clipq/numerics/activation_quantizer.h"
#include "clipq/numerics/quantize.h"

namespace clipq {
namespace {

/// Puts a layer on integer kernels. Returns false if it has none.
bool convert_to_integers(const LinearPart& part, const LinearContents& contents,
                         const NativeOptions& options, NativeModel& native) {
  const bool has_input = contents.input != nullptr;
  const auto input = has_input ? std::optional(contents.input->spec()) : std::nullopt;
  if (!why_not_integer(contents.quantized->spec, input).empty()) return false;
  const bool has_windows = part.window && part.window->area() > 1;
  const QuantizedTensor weight =
      has_windows ? NativeConvolution::by_position(*contents.quantized, *part.window)
                  : *contents.quantized;
  auto integer =
      std::make_shared<const IntegerLinear>(weight, contents.bias, *contents.input, options.path);
  ++native.layers[integer->path_name()];
  if (has_windows) {
    *part.layer = std::make_shared<NativeConvolution>(std::move(integer), *part.window);
  } else {
    *part.layer = std::make_shared<NativeLinear>(std::move(integer));
  }
  return true;
}

/// Why a layer without integer kernels can't be computed from its codes either, in words.
std::string why_not_floats(const LinearPart& part, const LinearContents& contents) {
  if (part.window && part.window->area() > 1) return "only INT8 convolutions have kernels";
  if (contents.input == nullptr) return "";
  return why_not_dequantized(contents.input->spec());
}

void convert(const LinearPart& part, const NativeOptions& options, NativeModel& native) {
  const std::optional<LinearContents> contents = (*part.layer)->contents();
  if (!contents || contents->is_float()) return;
  if (contents->quantized == nullptr) {
    native.simulated.push_back(cat(part.name, ": its weight is not quantized"));
    return;
  }
  if (convert_to_integers(part, *contents, options, native)) return;
  const std::string reason = why_not_floats(part, *contents);
  if (!reason.empty()) {
    native.simulated.push_back(cat(part.name, ": ", reason));
    return;
  }
  auto dequantized = std::make_shared<const DequantizedLinear>(*contents->quantized, contents->bias,
                                                               contents->input, options.floats);
  ++native.layers[dequantized->path_name()];
  *part.layer = std::make_shared<NativeLinear>(std::move(dequantized));
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
  std::vector<std::pair<std::string, std::int64_t>> paths(layers.begin(), layers.end());
  std::stable_sort(paths.begin(), paths.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> parts;
  for (const auto& [path, count] : paths) {
    parts.push_back(paths.size() == 1 ? path : cat(path, " (", count, ")"));
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
    convert(part, options, native);
  }
  for (const AttentionPart& part : parts.attentions) {
    const std::string reason = why_not_by_heads(**part.layer);
    if (!reason.empty()) native.simulated.push_back(cat(part.name, ": ", reason));
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
