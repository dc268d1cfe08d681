#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "clipq/onnx/to_onnx.h"
#include "clipq/onnx_graph/onnx_graph.h"

namespace clipq {

/// Adds nodes and constants to a model. Values are strings: their names, made of the layer that is
/// being written (scope) and the operation.
class GraphBuilder {
 public:
  /// Keeps a reference to the options.
  GraphBuilder(int opset, const OnnxOptions& options);

  int opset() const { return model_.opset; }
  const OnnxOptions& options() const { return options_; }
  OnnxTarget target() const { return options_.target; }
  OnnxModel& model() { return model_; }
  OnnxModel take() { return std::move(model_); }

  /// Names what is added while it lives after a layer.
  class Scope {
   public:
    Scope(GraphBuilder& builder, const std::string& name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    GraphBuilder& builder_;
    std::string outer_;
  };

  const std::string& scope() const { return scope_; }

  /// The value of a node's only output.
  std::string add(const std::string& operation, std::vector<std::string> inputs,
                  OnnxAttributes attributes = {}, const std::string& domain = {});
  std::vector<std::string> add_multiple(const std::string& operation,
                                        std::vector<std::string> inputs, std::size_t outputs,
                                        OnnxAttributes attributes = {});

  /// A constant called scope + "." + name.
  std::string constant(const std::string& name, const at::Tensor& tensor);
  std::string constant(const std::string& name, OnnxTensor tensor);
  /// Constants shared by all layers.
  std::string scalar(double value);
  std::string scalar(std::int64_t value, at::ScalarType dtype);
  std::string ints(const std::vector<std::int64_t>& values);

  /// Common operations, by what they do.
  std::string cast(const std::string& x, OnnxType type);
  std::string reshape(const std::string& x, const std::string& shape);
  std::string transpose(const std::string& x, const std::vector<std::int64_t>& permutation);
  std::string clip(const std::string& x, double low, double high);
  /// ReduceMin, ReduceMax or ReduceL2 over the last dimension, or over all; dimensions are kept.
  std::string reduce(const std::string& operation, const std::string& x, bool over_all = false);

 private:
  std::string unique(const std::string& name);
  std::string shared(const std::string& name, const at::Tensor& tensor);

  OnnxModel model_;
  const OnnxOptions& options_;
  std::string scope_;
  std::map<std::string, int> uses_;  ///< of names
  std::set<std::string> shared_;
};

}  // namespace clipq
