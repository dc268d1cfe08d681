#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipq/library/open_model.h"

namespace clipq {

/// clipq classify.
struct ClassifyOptions {
  std::filesystem::path model_file;
  std::vector<std::filesystem::path> images;
  std::vector<std::string> labels;
  std::string templates;  ///< a template set or a file; empty: the labels as given
  std::int64_t top = 5;   ///< labels shown per image
  ModelOptions model;
};

/// A label and its probability: the softmax over all labels of cosine times the model's own scale.
struct ScoredLabel {
  std::string label;
  double probability = 0;
};

/// An image with its most likely labels, or why there are none.
struct ClassifiedImage {
  std::filesystem::path image;
  std::vector<ScoredLabel> labels;
  std::string error;  ///< empty if it could be classified
};

/// Each image in the order given. One that can't be decoded doesn't stop the others. Throws
/// UsageError unless there are labels, all different; as open_model() and load_templates() do.
std::vector<ClassifiedImage> classify(const ClassifyOptions& options);

/// The labels in percent, one image after another.
std::string to_text(const std::vector<ClassifiedImage>& images);

Json to_json(const std::vector<ClassifiedImage>& images);

/// Throws InputError that counts and names the images that failed, if any did.
void require_classified(const std::vector<ClassifiedImage>& images);

}  // namespace clipq
