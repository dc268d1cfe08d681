#include "clipq/checkpoint/write_safetensors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "safetensors_types.h"

namespace clipq {
namespace {

constexpr std::size_t kAlignment = 8;

const char* type_name(const at::Tensor& tensor) {
  for (const SafetensorsType& each : kSafetensorsTypes) {
    if (each.type == tensor.scalar_type()) return each.name;
  }
  throw InternalError(cat("safetensors have no type for ", tensor.scalar_type()));
}

std::vector<std::pair<std::string, at::Tensor>> in_order(const StateDict& tensors) {
  std::vector<std::pair<std::string, at::Tensor>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  for (auto& [name, tensor] : ordered) tensor = tensor.contiguous();
  return ordered;
}

}  // namespace

void write_safetensors(const StateDict& tensors, const std::map<std::string, std::string>& texts,
                       const std::function<void(const void*, std::size_t)>& write) {
  const auto ordered = in_order(tensors);
  Json header = {{kSafetensorsMetadata, {{"format", "pt"}}}};
  for (const auto& [name, text] : texts) header[kSafetensorsMetadata][name] = text;
  std::size_t end = 0;
  for (const auto& [name, tensor] : ordered) {
    const std::size_t begin = std::exchange(end, end + tensor.nbytes());
    header[name] = {{"dtype", type_name(tensor)},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  std::array<unsigned char, 8> length = {};  // little-endian
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<unsigned char>(std::uint64_t{text.size()} >> 8 * i);
  }
  write(length.data(), length.size());
  write(text.data(), text.size());
  for (const auto& [name, tensor] : ordered) write(tensor.const_data_ptr(), tensor.nbytes());
}

}  // namespace clipq
