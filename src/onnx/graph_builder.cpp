#include "graph_builder.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <iomanip>
#include <sstream>
#include <utility>

#include "clipq/core/strings.h"
#include "onnx_tensor.h"

namespace clipq {
namespace {

/// From opset 18 on reductions take their axes as an input.
constexpr int kAxesAreInputs = 18;

}  // namespace

GraphBuilder::GraphBuilder(int opset, const OnnxOptions& options) : options_(options) {
  model_.opset = opset;
}

GraphBuilder::Scope::Scope(GraphBuilder& builder, const std::string& name)
    : builder_(builder), outer_(std::exchange(builder.scope_, name)) {}

GraphBuilder::Scope::~Scope() { builder_.scope_ = std::move(outer_); }

std::string GraphBuilder::unique(const std::string& name) {
  const int use = uses_[name]++;
  return use == 0 ? name : cat(name, "_", use);
}

std::string GraphBuilder::add(const std::string& operation, std::vector<std::string> inputs,
                              OnnxAttributes attributes, const std::string& domain) {
  std::string name = unique(cat(scope_, "/", operation));
  model_.nodes.push_back(
      {operation, domain, name, std::move(inputs), {name}, std::move(attributes)});
  return name;
}

std::vector<std::string> GraphBuilder::add_multiple(const std::string& operation,
                                                    std::vector<std::string> inputs,
                                                    std::size_t outputs,
                                                    OnnxAttributes attributes) {
  const std::string name = unique(cat(scope_, "/", operation));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < outputs; ++i) names.push_back(cat(name, ":", i));
  model_.nodes.push_back({operation, "", name, std::move(inputs), names, std::move(attributes)});
  return names;
}

std::string GraphBuilder::constant(const std::string& name, const at::Tensor& tensor) {
  return constant(name, onnx_tensor(tensor));
}

std::string GraphBuilder::constant(const std::string& name, OnnxTensor tensor) {
  std::string full = unique(scope_.empty() ? name : cat(scope_, ".", name));
  model_.constants.emplace_back(full, std::move(tensor));
  return full;
}

std::string GraphBuilder::shared(const std::string& name, const at::Tensor& tensor) {
  if (shared_.insert(name).second) model_.constants.emplace_back(name, onnx_tensor(tensor));
  return name;
}

std::string GraphBuilder::scalar(double value) {
  std::ostringstream name;
  name << "constant/" << std::setprecision(9) << value;
  return shared(name.str(), at::scalar_tensor(value, at::kFloat));
}

std::string GraphBuilder::scalar(std::int64_t value, at::ScalarType dtype) {
  return shared(cat("constant/", c10::toString(dtype), "/", value),
                at::scalar_tensor(value, dtype));
}

std::string GraphBuilder::ints(const std::vector<std::int64_t>& values) {
  std::string name = "constant/ints";
  for (const std::int64_t value : values) name += cat("/", value);
  return shared(name, at::tensor(values, at::kLong));
}

std::string GraphBuilder::cast(const std::string& x, OnnxType type) {
  return add("Cast", {x}, {{"to", std::int64_t{static_cast<int>(type)}}});
}

std::string GraphBuilder::reshape(const std::string& x, const std::string& shape) {
  return add("Reshape", {x, shape});
}

std::string GraphBuilder::transpose(const std::string& x,
                                    const std::vector<std::int64_t>& permutation) {
  return add("Transpose", {x}, {{"perm", permutation}});
}

std::string GraphBuilder::clip(const std::string& x, double low, double high) {
  return add("Clip", {x, scalar(low), scalar(high)});
}

std::string GraphBuilder::reduce(const std::string& operation, const std::string& x,
                                 bool over_all) {
  const OnnxAttributes keep = {{"keepdims", std::int64_t{over_all ? 0 : 1}}};
  if (over_all) return add(operation, {x}, keep);
  if (opset() >= kAxesAreInputs) return add(operation, {x, ints({-1})}, keep);
  return add(operation, {x}, {{"axes", std::vector<std::int64_t>{-1}}, keep.front()});
}

}  // namespace clipq
