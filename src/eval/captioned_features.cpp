#include "captioned_features.h"

namespace clipq {

CaptionedFeatures encode_captioned(const TaskInput& input) {
  CaptionedFeatures features;
  features.images = input.encoder.images(input.source);
  features.captions = captions_of(input.source.dataset, features.images.items);
  features.texts = input.encoder.texts(features.captions.texts);
  return features;
}

}  // namespace clipq
