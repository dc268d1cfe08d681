#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace clipq {

/// Ranks of the correct answers in retrieval by cosine, from 0.
struct RetrievalRanks {
  std::vector<std::int64_t> image_of_text;  ///< for each text, the rank of its image
  std::vector<std::int64_t> text_of_image;  ///< for each image, the rank of the best of its texts
};

/// Cosines are computed in float64, one block at a time, so that memory doesn't grow with images
/// times texts. Ties are ranked by lowest index.
/// @param images [images, width], not necessarily normalized
/// @param texts [texts, width]
/// @param image_of the image of each text, in ascending order; every image has a text
/// Throws InputError if an embedding isn't finite.
RetrievalRanks retrieval_ranks(const at::Tensor& images, const at::Tensor& texts,
                               const std::vector<std::int64_t>& image_of);

}  // namespace clipq
