#include "clipq/onnx_graph/write_onnx.h"

#include <optional>
#include <protozero/pbf_builder.hpp>
#include <type_traits>

#include "clipq/core/atomic_file.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/core/version.h"
#include "onnx_messages.h"

namespace clipq {
namespace {

using namespace onnx_messages;
using protozero::pbf_builder;

/// Smaller constants stay in the graph: shape inference needs the values of some.
constexpr std::size_t kLeastExternalBytes = 1024;
/// Runtimes map external data into memory, by pages.
constexpr std::int64_t kAlignment = 4096;

/// The first IR version that may hold that opset: runtimes refuse versions newer than themselves.
int ir_version_of(int opset) {
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  if (opset <= 22) return 10;
  throw InternalError(cat("opset ", opset, " has no IR version here"));
}

template <typename Parent, typename Field>
void add_entry(pbf_builder<Parent>& parent, Field field, const std::string& key,
               const std::string& value) {
  pbf_builder<Entry> entry(parent, field);
  entry.add_string(Entry::kKey, key);
  entry.add_string(Entry::kValue, value);
}

void add_value(pbf_builder<Graph>& graph, Graph field, const OnnxValue& value) {
  pbf_builder<Value> info(graph, field);
  info.add_string(Value::kName, value.name);
  pbf_builder<Type> type(info, Value::kType);
  pbf_builder<TensorType> tensor(type, Type::kTensorType);
  tensor.add_int32(TensorType::kElementType, static_cast<int>(value.type));
  pbf_builder<Shape> shape(tensor, TensorType::kShape);
  for (const OnnxDimension& dimension : value.shape) {
    pbf_builder<Dimension> dim(shape, Shape::kDim);
    if (const auto* size = std::get_if<std::int64_t>(&dimension)) {
      dim.add_int64(Dimension::kValue, *size);
    } else {
      dim.add_string(Dimension::kParameter, std::get<std::string>(dimension));
    }
  }
}

void add_attribute(pbf_builder<Node>& node, const std::string& name, const OnnxAttribute& value) {
  pbf_builder<Attribute> attribute(node, Node::kAttribute);
  attribute.add_string(Attribute::kName, name);
  const auto add_type = [&attribute](AttributeType type) {
    attribute.add_enum(Attribute::kType, static_cast<int>(type));
  };
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    attribute.add_int64(Attribute::kInt, *whole);
    add_type(AttributeType::kInt);
  } else if (const auto* number = std::get_if<float>(&value)) {
    attribute.add_float(Attribute::kFloat, *number);
    add_type(AttributeType::kFloat);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    attribute.add_bytes(Attribute::kString, *text);
    add_type(AttributeType::kString);
  } else {
    for (const std::int64_t each : std::get<std::vector<std::int64_t>>(value)) {
      attribute.add_int64(Attribute::kInts, each);
    }
    add_type(AttributeType::kInts);
  }
}

void add_node(pbf_builder<Graph>& graph, const OnnxNode& node) {
  pbf_builder<Node> out(graph, Graph::kNode);
  for (const std::string& input : node.inputs) out.add_string(Node::kInput, input);
  for (const std::string& output : node.outputs) out.add_string(Node::kOutput, output);
  out.add_string(Node::kName, node.name);
  out.add_string(Node::kOperation, node.operation);
  for (const auto& [name, value] : node.attributes) add_attribute(out, name, value);
  if (!node.domain.empty()) out.add_string(Node::kDomain, node.domain);
}

/// The file that takes large constants.
class DataFile {
 public:
  explicit DataFile(const std::filesystem::path& path)
      : location_(path.filename().string()), file_(path) {}

  void add(pbf_builder<Tensor>& tensor, std::string_view bytes) {
    const std::int64_t padding = (kAlignment - offset_ % kAlignment) % kAlignment;
    file_.write(std::string(static_cast<std::size_t>(padding), '\0'));
    offset_ += padding;
    file_.write(bytes);
    add_entry(tensor, Tensor::kExternalData, "location", location_);
    add_entry(tensor, Tensor::kExternalData, "offset", cat(offset_));
    add_entry(tensor, Tensor::kExternalData, "length", cat(bytes.size()));
    tensor.add_enum(Tensor::kDataLocation, kExternal);
    offset_ += static_cast<std::int64_t>(bytes.size());
  }

  void commit() { file_.commit(); }

 private:
  std::string location_;
  AtomicFile file_;
  std::int64_t offset_ = 0;
};

void add_constant(pbf_builder<Graph>& graph, const std::string& name, const OnnxTensor& constant,
                  DataFile* data) {
  pbf_builder<Tensor> tensor(graph, Graph::kInitializer);
  for (const std::int64_t size : constant.shape) tensor.add_int64(Tensor::kDims, size);
  tensor.add_int32(Tensor::kDataType, static_cast<int>(constant.type));
  tensor.add_string(Tensor::kName, name);
  if (data != nullptr && constant.bytes.size() >= kLeastExternalBytes) {
    data->add(tensor, constant.bytes);
  } else {
    tensor.add_bytes(Tensor::kRawData, constant.bytes.data(), constant.bytes.size());
  }
}

void add_opset(pbf_builder<Model>& model, const char* domain, int version) {
  pbf_builder<Opset> opset(model, Model::kOpsetImport);
  opset.add_string(Opset::kDomain, domain);
  opset.add_int64(Opset::kVersion, version);
}

void add_versions(pbf_builder<Model>& out, const OnnxModel& model) {
  out.add_int64(Model::kIrVersion, ir_version_of(model.opset));
  out.add_string(Model::kProducerName, "clipq");
  out.add_string(Model::kProducerVersion, kVersion);
  add_opset(out, "", model.opset);
  for (const OnnxNode& node : model.nodes) {
    if (node.domain != kContribDomain) continue;
    add_opset(out, kContribDomain, 1);
    break;
  }
}

std::int64_t bytes_of_constants(const OnnxModel& model) {
  std::int64_t total = 0;
  for (const auto& [name, tensor] : model.constants) {
    total += static_cast<std::int64_t>(tensor.bytes.size());
  }
  return total;
}

/// The model as a message.
/// @param data what large constants go to; null: they stay in it
std::string message_of(const OnnxModel& model, DataFile* data) {
  std::string message;
  pbf_builder<Model> out(message);
  add_versions(out, model);
  {
    pbf_builder<Graph> graph(out, Model::kGraph);
    for (const OnnxNode& node : model.nodes) add_node(graph, node);
    graph.add_string(Graph::kName, model.name);
    for (const auto& [name, tensor] : model.constants) add_constant(graph, name, tensor, data);
    for (const OnnxValue& input : model.inputs) add_value(graph, Graph::kInput, input);
    for (const OnnxValue& output : model.outputs) add_value(graph, Graph::kOutput, output);
  }
  for (const auto& [key, value] : model.metadata) add_entry(out, Model::kMetadata, key, value);
  return message;
}

}  // namespace

void write_onnx(const OnnxModel& model, const std::filesystem::path& file,
                std::int64_t most_inline_bytes) {
  std::optional<DataFile> data;
  if (bytes_of_constants(model) > most_inline_bytes) {
    data.emplace(file.string() + kExternalDataEnding);
  }
  AtomicFile out(file);
  out.write(message_of(model, data ? &*data : nullptr));
  if (data) data->commit();
  out.commit();
}

}  // namespace clipq
