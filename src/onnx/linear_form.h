#pragma once

#include <memory>
#include <string>

#include "clipq/model/linear.h"
#include "clipq/numerics/quantizer_spec.h"
#include "clipq/onnx/to_onnx.h"
#include "graph_builder.h"

namespace clipq {

/// How a linear layer is written: its input, once, and products of it with all or some of the
/// layer's outputs.
class LinearForm {
 public:
  explicit LinearForm(GraphBuilder& graph) : graph_(graph) {}
  virtual ~LinearForm() = default;

  /// @param x [rows, in]
  virtual void take(const std::string& x) = 0;
  /// With weight and bias: [rows, out].
  virtual std::string product(const LinearContents& contents) const = 0;

 protected:
  GraphBuilder& graph_;
};

/// The form that runtimes have the fastest kernels for. The layer outlives it.
std::unique_ptr<LinearForm> form_of(GraphBuilder& graph, const LinearContents& contents);

/// Whether values are FP8.
bool is_fp8(const QuantizerSpec& spec);

}  // namespace clipq
