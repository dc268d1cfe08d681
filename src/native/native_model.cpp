#include "clipq/native/native_model.h"

#include <algorithm>
#include <utility>

#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/dequantized_linear.h"
#include "clipq/kernels/grouped_linear.h"
#include "clipq/kernels/integer_linear.h"
#include "clipq/kernels/kernel_path.h"
#include "clipq/native/columns_by_position.h"
#include "clipq/native/dequantized_convolution.h"
#include "clipq/native/native_attention.h"
#include "clipq/native/native_convolution.h"
#include "clipq/native/native_linear.h"
#include "clipq/native/native_resnet.h"
#include "clipq/native/native_transformer.h"
#include "clipq/numerics/activation_quantizer.h"
#include "clipq/numerics/quantize.h"

namespace clipq {
namespace {

void put_on_integers(const LinearPart& part, const LinearContents& contents,
                     const NativeOptions& options, NativeModel& native) {
  const bool has_windows = part.has_windows();
  const QuantizedTensor weight =
      has_windows ? columns_by_position(*contents.quantized, *part.window) : *contents.quantized;
  auto integer =
      std::make_shared<const IntegerLinear>(weight, contents.bias, *contents.input, options.path);
  ++native.layers[integer->path_name()];
  if (has_windows) {
    *part.layer = std::make_shared<NativeConvolution>(std::move(integer), *part.window);
  } else {
    *part.layer = std::make_shared<NativeLinear>(std::move(integer));
  }
}

/// @param input of the contents
std::shared_ptr<const PanelLinear> linear_of(const LinearContents& contents,
                                             const std::optional<QuantizerSpec>& input,
                                             const NativeOptions& options) {
  if (options.floats == nullptr && why_not_grouped(*contents.quantized, input).empty()) {
    return std::make_shared<GroupedLinear>(*contents.quantized, contents.bias, *contents.input,
                                           options.path);
  }
  return std::make_shared<DequantizedLinear>(*contents.quantized, contents.bias, contents.input,
                                             options.floats);
}

/// A layer that isn't INT8 on both sides, or a convolution of windows likewise.
void put_on_floats(const LinearPart& part, const LinearContents& contents,
                   const std::optional<QuantizerSpec>& input, const NativeOptions& options,
                   NativeModel& native) {
  if (part.has_windows()) {
    auto convolution = std::make_shared<DequantizedConvolution>(
        *contents.quantized, contents.bias, contents.input, options.floats, *part.window);
    ++native.layers[convolution->path_name()];
    *part.layer = std::move(convolution);
    return;
  }
  std::shared_ptr<const PanelLinear> linear = linear_of(contents, input, options);
  ++native.layers[linear->path_name()];
  *part.layer = std::make_shared<NativeLinear>(std::move(linear));
}

void convert(const LinearPart& part, const NativeOptions& options, NativeModel& native) {
  const std::optional<LinearContents> contents = (*part.layer)->contents();
  if (!contents || contents->is_float()) return;
  std::optional<QuantizerSpec> input;
  if (contents->input != nullptr) input = contents->input->spec();
  const std::string reason = contents->quantized == nullptr
                                 ? "its weight is not quantized"
                                 : why_not_native(contents->quantized->spec, input);
  if (!reason.empty()) {
    native.simulated.push_back(cat(part.name, ": ", reason));
  } else if (why_not_integer(contents->quantized->spec, input).empty()) {
    put_on_integers(part, *contents, options, native);
  } else {
    put_on_floats(part, *contents, input, options, native);
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

/// In words; empty if it is float, or runs head by head.
std::string why_attention_is_simulated(const AttentionPart& part,
                                       const std::vector<TransformerPart>& transformers) {
  const Attention& attention = **part.layer;
  if (attention.quantizers() == nullptr) return "";
  const auto has_part = [&part](const TransformerPart& transformer) {
    return part.name.starts_with(transformer.name + ".");
  };
  const auto found = std::find_if(transformers.begin(), transformers.end(), has_part);
  if (found == transformers.end()) return "an attention pool's quantized operands have no kernels";
  if (found->transformer->runner == nullptr) return "not all linear layers of its tower are native";
  return why_not_by_heads(attention);
}

}  // namespace

std::string NativeModel::describe() const {
  std::vector<std::pair<std::string, std::int64_t>> paths(layers.begin(), layers.end());
  std::stable_sort(paths.begin(), paths.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> parts;
  parts.reserve(paths.size() + 2);
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
  for (const TransformerPart& part : parts.transformers) {
    add_runner(part, options.attention, native);
  }
  for (const AttentionPart& part : parts.attentions) {
    const std::string reason = why_attention_is_simulated(part, parts.transformers);
    if (!reason.empty()) native.simulated.push_back(cat(part.name, ": ", reason));
  }
  for (const ResNetPart& part : parts.resnets) {
    if (!NativeResNet::can_run(part.network->resnet)) continue;
    part.network->runner = std::make_shared<NativeResNet>(*part.network, part.name);
  }
  native.model = std::move(model);
  return native;
}

}  // namespace clipq
