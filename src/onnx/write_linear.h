#pragma once

#include <string>
#include <vector>

#include "clipq/model/embedding.h"
#include "clipq/model/linear.h"
#include "clipq/numerics/quantizer_spec.h"
#include "clipq/onnx/to_onnx.h"
#include "graph_builder.h"

namespace clipq {

/// x [rows, in] through the layer: [rows, out]. The layer's name is the scope.
std::string write_linear(GraphBuilder& graph, const std::string& x, const Linear& layer);

/// Some of a layer's outputs.
struct OutputRange {
  std::int64_t first;
  std::int64_t count;
};

/// The same for each of some ranges: the input is quantized once.
std::vector<std::string> write_linear(GraphBuilder& graph, const std::string& x,
                                      const Linear& layer, const std::vector<OutputRange>& ranges);

/// What a layer computes with. Throws InternalError if it runs natively.
LinearContents contents_of(const Linear& layer);

/// The vectors of ids [batch, tokens]: [batch, tokens, width].
std::string write_embedding(GraphBuilder& graph, const std::string& ids, const Embedding& layer);

/// The lowest opset that has the layer's form.
int opset_of(const LinearContents& contents);

/// Throws UsageError that names the layer (the scope) unless the target takes its quantizers.
void require_fit(const GraphBuilder& graph, const LinearContents& contents);
void require_fit(const GraphBuilder& graph, const QuantizerSpec& activation);

}  // namespace clipq
