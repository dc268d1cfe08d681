#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "clipq/eval/captions.h"
#include "clipq/eval/task.h"

namespace clipq {

/// What tasks on images with captions encode.
struct CaptionedFeatures {
  ImageFeatures images;
  Captions captions;              ///< of these images
  std::vector<at::Tensor> texts;  ///< the captions' embeddings, by model
};

CaptionedFeatures encode_captioned(const TaskInput& input);

}  // namespace clipq
