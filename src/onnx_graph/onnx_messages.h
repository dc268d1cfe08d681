#pragma once

#include <protozero/types.hpp>

namespace clipq::onnx_messages {

// The fields of ONNX's protobuf messages that are written here, with their numbers in onnx.proto
// (IR version 10).

enum class Model : protozero::pbf_tag_type {
  kIrVersion = 1,
  kProducerName = 2,
  kProducerVersion = 3,
  kGraph = 7,
  kOpsetImport = 8,
  kMetadata = 14
};

enum class Opset : protozero::pbf_tag_type { kDomain = 1, kVersion = 2 };

/// StringStringEntryProto
enum class Entry : protozero::pbf_tag_type { kKey = 1, kValue = 2 };

enum class Graph : protozero::pbf_tag_type {
  kNode = 1,
  kName = 2,
  kInitializer = 5,
  kInput = 11,
  kOutput = 12
};

enum class Node : protozero::pbf_tag_type {
  kInput = 1,
  kOutput = 2,
  kName = 3,
  kOperation = 4,
  kAttribute = 5,
  kDomain = 7
};

enum class Attribute : protozero::pbf_tag_type {
  kName = 1,
  kFloat = 2,
  kInt = 3,
  kString = 4,
  kInts = 8,
  kType = 20
};

/// AttributeProto.AttributeType
enum class AttributeType { kFloat = 1, kInt = 2, kString = 3, kInts = 7 };

enum class Tensor : protozero::pbf_tag_type {
  kDims = 1,
  kDataType = 2,
  kName = 8,
  kRawData = 9,
  kExternalData = 13,
  kDataLocation = 14
};

/// TensorProto.DataLocation
inline constexpr int kExternal = 1;

/// ValueInfoProto
enum class Value : protozero::pbf_tag_type { kName = 1, kType = 2 };

/// TypeProto
enum class Type : protozero::pbf_tag_type { kTensorType = 1 };

/// TypeProto.Tensor
enum class TensorType : protozero::pbf_tag_type { kElementType = 1, kShape = 2 };

/// TensorShapeProto
enum class Shape : protozero::pbf_tag_type { kDim = 1 };

/// TensorShapeProto.Dimension
enum class Dimension : protozero::pbf_tag_type { kValue = 1, kParameter = 2 };

}  // namespace clipq::onnx_messages
