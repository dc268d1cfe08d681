#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "clipq/library/open_model.h"

namespace clipq {

/// clipq embed: either images or texts.
struct EmbedOptions {
  std::filesystem::path model_file;
  std::filesystem::path images;  ///< a folder, or empty
  std::filesystem::path texts;   ///< a file with one text per line, or empty
  std::filesystem::path output;  ///< .npy
  bool normalize = false;
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  std::int64_t skip_bad = 0;  ///< maximum number of undecodable images; they have no row
  ModelOptions model;
};

/// Writes float32 [n, embed_dim] to `output`, and the rows' names (files sorted by name, or the
/// texts in line order) to the file of the same name with the extension .txt.
/// @return what was written: files, shape, whether normalized
Json embed(const EmbedOptions& options);

}  // namespace clipq
