#include "clipq/numerics/embedding_format.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/npy.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr double kInt8Steps = 255;
constexpr std::int64_t kBitsPerByte = 8;
constexpr std::int64_t kInt8Offset = 128;

at::Tensor to_int8(const at::Tensor& rows, const at::Tensor& ranges) {
  const at::Tensor steps = ranges[1].sub(ranges[0]).div_(kInt8Steps).clamp_min_(1e-30);
  return rows.sub(ranges[0])
      .div_(steps)
      .sub_(kInt8Offset)
      .trunc_()
      .clamp_(-kInt8Offset, kInt8Offset - 1)
      .to(at::kChar);
}

at::Tensor to_binary(const at::Tensor& rows) {
  const std::int64_t width = rows.size(1);
  const std::int64_t missing = (kBitsPerByte - width % kBitsPerByte) % kBitsPerByte;
  const at::Tensor signs = at::constant_pad_nd(rows.gt(0).to(at::kLong), {0, missing});
  const at::Tensor values = at::arange(kBitsPerByte - 1, -1, -1).exp2().to(at::kLong);
  return signs.view({rows.size(0), -1, kBitsPerByte})
      .mul(values)
      .sum(-1)
      .sub_(kInt8Offset)
      .to(at::kChar);
}

}  // namespace

const std::vector<std::string>& embedding_formats() {
  static const std::vector<std::string> names = {"float32", "float16", "int8", "binary"};
  return names;
}

const std::string& name_of(EmbeddingFormat format) {
  return embedding_formats()[static_cast<std::size_t>(format)];
}

EmbeddingFormat parse_embedding_format(const std::string& name, const std::string& where) {
  const std::vector<std::string>& names = embedding_formats();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<EmbeddingFormat>(found - names.begin());
  throw UsageError(cat(where, " ", name, ": expected one of ", join(names, ", ")));
}

at::Tensor ranges_of(const at::Tensor& rows) {
  const auto [least, most] = at::aminmax(rows, 0);
  return at::stack({least, most});
}

Json ranges_json(const at::Tensor& ranges) {
  const float* values = ranges.const_data_ptr<float>();
  const std::int64_t count = ranges.size(1);
  return {std::vector<float>(values, values + count),
          std::vector<float>(values + count, values + 2 * count)};
}

at::Tensor ranges_from(const Json& document, std::int64_t width, const std::string& where) {
  std::vector<std::vector<float>> ranges;
  try {
    ranges = document.get<std::vector<std::vector<float>>>();
  } catch (const Json::exception&) {
    ranges.clear();
  }
  const bool fits =
      ranges.size() == 2 && std::all_of(ranges.begin(), ranges.end(), [&](auto& each) {
        return static_cast<std::int64_t>(each.size()) == width;
      });
  if (fits) return at::stack({at::tensor(ranges[0]), at::tensor(ranges[1])});
  throw InputError(cat(where, ": expected two lists of ", width, " numbers"));
}

at::Tensor in_format(const at::Tensor& rows, EmbeddingFormat format, const at::Tensor& ranges) {
  switch (format) {
    case EmbeddingFormat::kFloat32:
      return rows.contiguous();
    case EmbeddingFormat::kFloat16:
      return rows.to(at::kHalf).contiguous();
    case EmbeddingFormat::kInt8:
      return to_int8(rows, ranges);
    case EmbeddingFormat::kBinary:
      return to_binary(rows);
  }
  throw InternalError("a format of embeddings without code");
}

void write_embeddings(const std::filesystem::path& file, const at::Tensor& rows) {
  const NpyType type = rows.scalar_type() == at::kFloat  ? kNpyFloat32
                       : rows.scalar_type() == at::kHalf ? NpyType{"<f2", 2}
                                                         : NpyType{"|i1", 1};
  write_npy(file, type, rows.const_data_ptr(), rows.sizes().vec());
}

}  // namespace clipq
