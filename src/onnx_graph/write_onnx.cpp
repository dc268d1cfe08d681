#include "clipq/onnx_graph/write_onnx.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <optional>
#include <type_traits>

#include "clipq/core/atomic_file.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/core/version.h"
#include "onnx.pb.h"

namespace clipq {
namespace {

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

void fill(onnx::ValueInfoProto& proto, const OnnxValue& value) {
  proto.set_name(value.name);
  auto& type = *proto.mutable_type()->mutable_tensor_type();
  type.set_elem_type(static_cast<int>(value.type));
  for (const OnnxDimension& dimension : value.shape) {
    auto& dim = *type.mutable_shape()->add_dim();
    if (const auto* size = std::get_if<std::int64_t>(&dimension)) {
      dim.set_dim_value(*size);
    } else {
      dim.set_dim_param(std::get<std::string>(dimension));
    }
  }
}

void fill(onnx::AttributeProto& proto, const std::string& name, const OnnxAttribute& attribute) {
  proto.set_name(name);
  std::visit(
      [&proto](const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::int64_t>) {
          proto.set_type(onnx::AttributeProto::INT);
          proto.set_i(value);
        } else if constexpr (std::is_same_v<Value, float>) {
          proto.set_type(onnx::AttributeProto::FLOAT);
          proto.set_f(value);
        } else if constexpr (std::is_same_v<Value, std::string>) {
          proto.set_type(onnx::AttributeProto::STRING);
          proto.set_s(value);
        } else {
          proto.set_type(onnx::AttributeProto::INTS);
          for (const std::int64_t each : value) proto.add_ints(each);
        }
      },
      attribute);
}

void fill(onnx::NodeProto& proto, const OnnxNode& node) {
  proto.set_op_type(node.operation);
  proto.set_name(node.name);
  if (!node.domain.empty()) proto.set_domain(node.domain);
  for (const std::string& input : node.inputs) proto.add_input(input);
  for (const std::string& output : node.outputs) proto.add_output(output);
  for (const auto& [name, value] : node.attributes) fill(*proto.add_attribute(), name, value);
}

/// The file that takes large constants.
class DataFile {
 public:
  explicit DataFile(const std::filesystem::path& path)
      : location_(path.filename().string()), file_(path) {}

  void add(onnx::TensorProto& proto, std::string_view bytes) {
    const std::int64_t padding = (kAlignment - offset_ % kAlignment) % kAlignment;
    file_.write(std::string(static_cast<std::size_t>(padding), '\0'));
    offset_ += padding;
    file_.write(bytes);
    proto.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto entry = [&proto](const char* key, const std::string& value) {
      auto& added = *proto.add_external_data();
      added.set_key(key);
      added.set_value(value);
    };
    entry("location", location_);
    entry("offset", cat(offset_));
    entry("length", cat(bytes.size()));
    offset_ += static_cast<std::int64_t>(bytes.size());
  }

  void commit() { file_.commit(); }

 private:
  std::string location_;
  AtomicFile file_;
  std::int64_t offset_ = 0;
};

void fill(onnx::TensorProto& proto, const std::string& name, const OnnxTensor& tensor,
          DataFile* data) {
  proto.set_name(name);
  proto.set_data_type(static_cast<int>(tensor.type));
  for (const std::int64_t size : tensor.shape) proto.add_dims(size);
  if (data != nullptr && tensor.bytes.size() >= kLeastExternalBytes) {
    data->add(proto, tensor.bytes);
  } else {
    proto.set_raw_data(tensor.bytes.data(), tensor.bytes.size());
  }
}

void fill_versions(onnx::ModelProto& proto, const OnnxModel& model) {
  proto.set_ir_version(ir_version_of(model.opset));
  proto.set_producer_name("clipq");
  proto.set_producer_version(kVersion);
  auto& standard = *proto.add_opset_import();
  standard.set_domain("");
  standard.set_version(model.opset);
  for (const OnnxNode& node : model.nodes) {
    if (node.domain != kContribDomain) continue;
    auto& contrib = *proto.add_opset_import();
    contrib.set_domain(kContribDomain);
    contrib.set_version(1);
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

/// What protobuf writes goes to the file piece by piece.
class FileStream final : public google::protobuf::io::CopyingOutputStream {
 public:
  explicit FileStream(AtomicFile& file) : file_(file) {}
  bool Write(const void* buffer, int size) override {
    file_.try_write(buffer, static_cast<std::size_t>(size));
    return true;
  }

 private:
  AtomicFile& file_;
};

void write_message(const onnx::ModelProto& proto, AtomicFile& file) {
  FileStream stream(file);
  google::protobuf::io::CopyingOutputStreamAdaptor adaptor(&stream);
  if (!proto.SerializeToZeroCopyStream(&adaptor) || !adaptor.Flush()) {
    throw InternalError("an ONNX model that protobuf can't write");
  }
}

}  // namespace

std::vector<std::filesystem::path> write_onnx(const OnnxModel& model,
                                              const std::filesystem::path& file,
                                              std::int64_t most_inline_bytes) {
  std::vector<std::filesystem::path> written = {file};
  std::optional<DataFile> data;
  if (bytes_of_constants(model) > most_inline_bytes) {
    written.emplace_back(file.string() + kExternalDataEnding);
    data.emplace(written.back());
  }
  AtomicFile out(file);
  onnx::ModelProto proto;
  fill_versions(proto, model);
  for (const auto& [key, value] : model.metadata) {
    auto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  auto& graph = *proto.mutable_graph();
  graph.set_name(model.name);
  for (const OnnxValue& input : model.inputs) fill(*graph.add_input(), input);
  for (const OnnxValue& output : model.outputs) fill(*graph.add_output(), output);
  for (const auto& [name, tensor] : model.constants) {
    fill(*graph.add_initializer(), name, tensor, data ? &*data : nullptr);
  }
  for (const OnnxNode& node : model.nodes) fill(*graph.add_node(), node);
  write_message(proto, out);
  if (data) data->commit();
  out.commit();
  return written;
}

}  // namespace clipq
