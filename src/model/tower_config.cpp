#include "clipq/model/tower_config.h"

#include <array>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::array kImagePoolings = {ImagePooling::kClassToken, ImagePooling::kAttention,
                                       ImagePooling::kMeanQuery};
constexpr std::array kTextPoolings = {TextPooling::kLargestId, TextPooling::kFirstEnd,
                                      TextPooling::kLast};

template <typename Poolings>
auto parse(const Poolings& poolings, const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const auto pooling : poolings) {
    if (name == name_of(pooling)) return pooling;
    names.emplace_back(name_of(pooling));
  }
  throw UsageError(cat(where, ": \"", name, "\", expected ", join(names, ", ")));
}

}  // namespace

const char* name_of(ImagePooling pooling) {
  switch (pooling) {
    case ImagePooling::kClassToken:
      return "class_token";
    case ImagePooling::kAttention:
      return "attention";
    case ImagePooling::kMeanQuery:
      return "mean_query";
  }
  throw InternalError("an image pooling without a name");
}

const char* name_of(TextPooling pooling) {
  switch (pooling) {
    case TextPooling::kLargestId:
      return "largest_id";
    case TextPooling::kFirstEnd:
      return "first_end";
    case TextPooling::kLast:
      return "last";
  }
  throw InternalError("a text pooling without a name");
}

ImagePooling parse_image_pooling(const std::string& name, const std::string& where) {
  return parse(kImagePoolings, name, where);
}

TextPooling parse_text_pooling(const std::string& name, const std::string& where) {
  return parse(kTextPoolings, name, where);
}

std::string describe(const ImageTowerConfig& config) {
  switch (config.pooling) {
    case ImagePooling::kClassToken:
      return "ViT with a class token";
    case ImagePooling::kAttention:
      return "ViT pooled by attention";
    case ImagePooling::kMeanQuery:
      return "ResNet";
  }
  throw InternalError("an image pooling without a tower");
}

std::string describe(const TextReading& reading) {
  std::string pooled = "token with the largest id";
  if (reading.pooling == TextPooling::kFirstEnd) pooled = cat("first token ", reading.end_id);
  if (reading.pooling == TextPooling::kLast) pooled = "last token";
  return cat(reading.causal ? "" : "not ", "causal, pooled at the ", pooled);
}

}  // namespace clipq
