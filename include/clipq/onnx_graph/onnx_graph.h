#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace clipq {

/// Element types, with the numbers that onnx.proto gives them.
enum class OnnxType : int {
  kFloat32 = 1,
  kUint8 = 2,
  kInt8 = 3,
  kInt32 = 6,
  kInt64 = 7,
  kBool = 9,
  kFloat16 = 10,
  kFp8E4M3 = 17,
  kFp8E5M2 = 19,
  kUint4 = 21,
  kInt4 = 22
};

/// A constant.
struct OnnxTensor {
  OnnxType type = OnnxType::kFloat32;
  std::vector<std::int64_t> shape;
  std::string_view bytes;  ///< little-endian, row-major; 4-bit values two a byte, the earlier in
                           ///< the low half
  std::shared_ptr<const void> owner;  ///< keeps `bytes` alive
};

/// A size, or the name of one that is known when the graph runs.
using OnnxDimension = std::variant<std::int64_t, std::string>;

/// An input or output of a graph.
struct OnnxValue {
  std::string name;
  OnnxType type = OnnxType::kFloat32;
  std::vector<OnnxDimension> shape;
};

using OnnxAttribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>>;
using OnnxAttributes = std::vector<std::pair<std::string, OnnxAttribute>>;

struct OnnxNode {
  std::string operation;
  std::string domain;  ///< empty: the standard's
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  OnnxAttributes attributes;
};

/// A model as ONNX describes it: nodes in the order in which they run, each value named once.
struct OnnxModel {
  std::string name;
  int opset = 17;
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
  std::vector<std::pair<std::string, OnnxTensor>> constants;
  std::vector<OnnxNode> nodes;
  std::map<std::string, std::string> metadata;
};

/// ONNX Runtime's own operators.
inline constexpr const char* kContribDomain = "com.microsoft";

}  // namespace clipq
