#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "clipq/library/open_model.h"
#include "clipq/numerics/embedding_format.h"

namespace clipq {

/// clipq embed: either images or texts.
struct EmbedOptions {
  std::filesystem::path model_file;
  std::string images;            ///< a folder or KIND:PATH, or empty
  std::filesystem::path texts;   ///< a file with one text per line, or empty
  std::filesystem::path output;  ///< .npy
  bool normalize = false;
  EmbeddingFormat format = EmbeddingFormat::kFloat32;
  /// The first so many of an embedding, before it is normalized; 0: all.
  std::int64_t dimensions = 0;
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  std::int64_t skip_bad = 0;  ///< maximum number of undecodable images; they have no row
  ModelOptions model;
};

/// How many dimensions of the model's embeddings are wanted. Throws UsageError if it has fewer.
std::int64_t dimensions_of(const OpenedModel& opened, const EmbedOptions& options);

/// Embeddings [n, embed_dim] as the options want them, still in float32.
at::Tensor finished_rows(const at::Tensor& rows, const OpenedModel& opened,
                         const EmbedOptions& options);

/// Writes [n, dimensions] to `output`, and the rows' names (files sorted by name, or the
/// texts in line order) to the file of the same name with the extension .txt; the ranges of int8 to
/// the one with .ranges.json.
/// @return what was written: files, shape, whether normalized
Json embed(const EmbedOptions& options);

}  // namespace clipq
