#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/eval/task.h"

namespace clipq {

/// What stands for a data set's items in words.
enum class TextSource { kNone, kCaptions, kPrompts };

/// Captions where there are some, prompts of the classes where items have one each.
TextSource text_source(const Dataset& dataset);

/// One text an item: its first caption, or its class in the first template. Empty without either.
std::vector<std::string> texts_of_items(const TaskData& data,
                                        const std::vector<std::int64_t>& items);

}  // namespace clipq
