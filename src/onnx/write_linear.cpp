#include "write_linear.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/numerics/activation_quantizer.h"
#include "linear_form.h"
#include "weight_forms.h"

namespace clipq {
namespace {

/// Some rows of a tensor, if it has rows.
at::Tensor rows_of(const at::Tensor& tensor, const OutputRange& range) {
  return tensor.defined() && tensor.dim() > 0 ? tensor.narrow(0, range.first, range.count) : tensor;
}

QuantizedTensor rows_of(const QuantizedTensor& weight, const OutputRange& range) {
  const Scales& scales = weight.scales;
  return {weight.spec,
          rows_of(weight.codes, range),
          weight.columns,
          {rows_of(scales.scale, range), rows_of(scales.zero_point, range),
           rows_of(scales.negative_scale, range)}};
}

/// The layer's form, with its input.
std::unique_ptr<LinearForm> form_with(GraphBuilder& graph, const std::string& x,
                                      const LinearContents& contents) {
  require_fit(graph, contents);
  auto form = form_of(graph, contents);
  form->take(x);
  return form;
}

}  // namespace

LinearContents contents_of(const Linear& layer) {
  const std::optional<LinearContents> contents = layer.contents();
  if (!contents) throw InternalError("a layer that runs natively can't be exported");
  return *contents;
}

std::string write_linear(GraphBuilder& graph, const std::string& x, const Linear& layer) {
  const LinearContents contents = contents_of(layer);
  return form_with(graph, x, contents)->product(contents);
}

std::vector<std::string> write_linear(GraphBuilder& graph, const std::string& x,
                                      const Linear& layer, const std::vector<OutputRange>& ranges) {
  const LinearContents contents = contents_of(layer);
  const auto form = form_with(graph, x, contents);
  std::vector<std::string> products;
  for (const OutputRange& range : ranges) {
    LinearContents part = contents;
    part.weight = rows_of(contents.weight, range);
    part.bias = rows_of(contents.bias, range);
    QuantizedTensor weight;
    if (contents.quantized != nullptr) {
      weight = rows_of(*contents.quantized, range);
      part.quantized = &weight;
    }
    products.push_back(form->product(part));
  }
  return products;
}

std::string write_embedding(GraphBuilder& graph, const std::string& ids, const Embedding& layer) {
  const std::optional<EmbeddingContents> contents = layer.contents();
  if (!contents) throw InternalError("a wrapped embedding can't be exported");
  if (contents->quantized != nullptr) return look_up(graph, *contents->quantized, ids);
  return graph.add("Gather", {graph.constant("weight", contents->weight), ids});
}

int opset_of(const LinearContents& contents) {
  int opset = contents.quantized == nullptr ? 17 : opset_of(contents.quantized->spec);
  if (contents.input != nullptr && is_fp8(contents.input->spec())) opset = std::max(opset, 19);
  return opset;
}

void require_fit(const GraphBuilder& graph, const LinearContents& contents) {
  if (contents.input != nullptr) require_fit(graph, contents.input->spec());
  if (graph.target() != OnnxTarget::kTensorRt || contents.quantized == nullptr) return;
  if (contents.quantized->spec.scheme == Scheme::kSymmetric) return;
  throw UsageError(cat(graph.scope(), ": TensorRT takes symmetric weights only, this one is \"",
                       contents.quantized->spec.describe(), "\"; quantize with fp8-max"));
}

void require_fit(const GraphBuilder& graph, const QuantizerSpec& activation) {
  if (graph.target() != OnnxTarget::kTensorRt) return;
  if (activation.scheme == Scheme::kSymmetric && activation.range == RangeKind::kStatic &&
      activation.granularity == Granularity::kTensor && format_info(activation.format).is_float) {
    return;
  }
  throw UsageError(cat(graph.scope(), ": TensorRT takes activations in FP8 with one fixed scale ",
                       "here, not \"", activation.describe(), "\"; quantize with fp8-max"));
}

}  // namespace clipq
