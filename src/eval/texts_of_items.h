#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/eval/task.h"

namespace clipq {

/// The texts of a data set's items.
enum class TextSource { kNone, kCaptions, kPrompts };

/// Captions if there are any, prompts of the classes if items have one each.
TextSource text_source(const Dataset& dataset);

/// Embeddings of the images by all models, or, if `wanted` is only the text tower, the same items
/// without them. Throws UsageError if there are neither images nor texts to embed.
ImageFeatures images_or_items(const TaskInput& input, Component wanted);

/// One text per item: its first caption, or its class in the first template. Empty without either.
std::vector<std::string> texts_of_items(const TaskData& data,
                                        const std::vector<std::int64_t>& items);

}  // namespace clipq
