#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace clipq {

/// Ranks of the correct answers in retrieval by cosine, from 0.
struct RetrievalRanks {
  std::vector<std::int64_t> image_of_text;  ///< for each text, the rank of its image
  std::vector<std::int64_t> text_of_image;  ///< for each image, the rank of the best of its texts
};

/// Ranks are those of cosines in float64; those that are equal to within 1e-12 tie, and ties
/// are ranked by lowest index. Beside the embeddings, memory is needed for a block of cosines and a
/// few numbers a row: embeddings in mapped files may be larger than memory.
/// @param images float32 [images, width], not necessarily normalized
/// @param texts float32 [texts, width]
/// @param image_of the image of each text, in ascending order; every image has a text
/// Throws InputError if an embedding isn't finite.
RetrievalRanks retrieval_ranks(const at::Tensor& images, const at::Tensor& texts,
                               const std::vector<std::int64_t>& image_of);

}  // namespace clipq
