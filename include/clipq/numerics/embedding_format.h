#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// How embeddings are stored.
enum class EmbeddingFormat { kFloat32, kFloat16, kInt8, kBinary };

/// Names, in the order of the enumeration.
const std::vector<std::string>& embedding_formats();

const std::string& name_of(EmbeddingFormat format);

/// The format of that name. Throws UsageError that names `where`.
EmbeddingFormat parse_embedding_format(const std::string& name, const std::string& where);

/// The least and the largest value of each dimension: float32 [2, width].
at::Tensor ranges_of(const at::Tensor& rows);

/// Ranges as [[the least values], [the largest]].
Json ranges_json(const at::Tensor& ranges);

/// The ranges of `width` dimensions from such a document. Throws InputError that names `where`.
at::Tensor ranges_from(const Json& document, std::int64_t width, const std::string& where);

/// Rows in a format, as sentence-transformers' quantize_embeddings has them: int8 are the 255 steps
/// between a dimension's ends, less 128 and clamped; binary are the signs, eight in a byte, the
/// first in its highest bit, less 128.
/// @param rows float32 [n, width]
/// @param ranges of ranges_of(), for int8
/// @return float32, float16 or int8 [n, width]; binary: int8 [n, ceil(width / 8)]
at::Tensor in_format(const at::Tensor& rows, EmbeddingFormat format, const at::Tensor& ranges);

/// Writes a tensor of in_format() as .npy, complete or not at all. Throws InputError.
void write_embeddings(const std::filesystem::path& file, const at::Tensor& rows);

}  // namespace clipq
