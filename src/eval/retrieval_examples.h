#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "clipq/core/json.h"
#include "clipq/data/dataset.h"
#include "clipq/eval/captions.h"
#include "clipq/eval/encode.h"

namespace clipq {

/// What models find for a few captions: some spread evenly over the data, and those whose lists
/// have changed most between the first model and the others.
struct RetrievalExamples {
  /// One per model: [{"query", "why": "spread" or "changed", "rank", "top": [{"image", "cosine",
  /// "right"}, …]}, …]; rank is that of the caption's own image, from 1.
  std::vector<Json> models;
  Json thumbnails;  ///< image name -> JPEG data URI, of all images in the lists
};

/// @param images of all models, and the items that they are of
/// @param texts one per model: embeddings of the captions
RetrievalExamples retrieval_examples(const Dataset& dataset, const Captions& captions,
                                     const ImageFeatures& images,
                                     const std::vector<at::Tensor>& texts);

}  // namespace clipq
