#include "code_stripes.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "clipq/core/error.h"

namespace clipq {
namespace {

StoredCode kind_of(const QuantizerSpec& spec) {
  switch (spec.format) {
    case Format::kInt8:
      return spec.is_affine() ? StoredCode::kUint8 : StoredCode::kInt8;
    case Format::kInt4:
      return StoredCode::kInt4;
    case Format::kFp8E4M3:
      return StoredCode::kE4M3;
    case Format::kFp8E5M2:
      return StoredCode::kE5M2;
    case Format::kFp16:
      return StoredCode::kHalf;
  }
  throw InternalError("a format that has no stripes");
}

std::int64_t bytes_of(StoredCode kind, std::int64_t codes) {
  if (kind == StoredCode::kInt4) return codes / 2;
  return kind == StoredCode::kHalf ? 2 * codes : codes;
}

}  // namespace

CodeStripes::CodeStripes(const QuantizedTensor& weight, std::int64_t together, std::int64_t step)
    : kind_(kind_of(weight.spec)),
      together_(together),
      columns_(weight.codes.size(0)),
      weight_depth_(weight.columns),
      depth_((weight.columns + step - 1) / step * step),
      bytes_of_k_(bytes_of(kind_, kColumns)) {
  const at::Tensor codes = weight.codes.contiguous();
  row_bytes_ = codes.size(1) * codes.element_size();
  const std::int64_t stripes = (columns_ + kColumns - 1) / kColumns;
  bytes_ = stripes * depth_ * bytes_of_k_;
  codes_ = hwy::AllocateAligned<std::uint8_t>(static_cast<std::size_t>(bytes_));
  const auto* bytes = static_cast<const std::uint8_t*>(codes.const_data_ptr());
  at::parallel_for(0, stripes, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t stripe = begin; stripe < end; ++stripe) fill_stripe(bytes, stripe);
  });
}

void CodeStripes::fill_stripe(const std::uint8_t* codes, std::int64_t stripe) {
  std::uint8_t* target = codes_.get() + stripe * depth_ * bytes_of_k_;
  std::fill_n(target, depth_ * bytes_of_k_, std::uint8_t{0});
  const std::int64_t first = stripe * kColumns;
  const std::int64_t width = std::min(kColumns, columns_ - first);
  for (std::int64_t c = 0; c < width; ++c) {
    const std::uint8_t* row = codes + (first + c) * row_bytes_;
    for (std::int64_t k = 0; k < weight_depth_; ++k) {
      std::uint8_t* line = target + k / together_ * together_ * bytes_of_k_;
      const std::int64_t place = c * together_ + k % together_;
      if (kind_ == StoredCode::kInt4) {
        const unsigned code = row[k / 2] >> (k % 2 * 4) & 15U;
        line[c % (kColumns / 2)] |= static_cast<std::uint8_t>(c < kColumns / 2 ? code : code << 4U);
      } else if (kind_ == StoredCode::kHalf) {
        std::memcpy(line + 2 * place, row + 2 * k, 2);
      } else {
        line[place] = row[k];
      }
    }
  }
}

}  // namespace clipq
