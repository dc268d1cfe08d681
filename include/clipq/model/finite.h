#pragma once

#include <string>

#include "clipq/model/clip_model.h"
#include "clipq/model/tower.h"

namespace clipq {

/// Whether every value is finite.
bool all_finite(const at::Tensor& x);

/// Throws InputError unless every value of `output` is finite. It names the item and the layer
/// where the first value arises that isn't: the tower is run again, layer by layer.
/// @param output what the tower made of `input`: [items, width]
/// @param input pixels or tokens, as encode_image() or encode_text() takes them
/// @param where whose tower it is: a file, usually
/// @param item_name what messages call the item at a position of the batch
template <typename ItemName>
void require_finite(const at::Tensor& output, const ClipModel& model, Tower tower,
                    const at::Tensor& input, const std::string& where, const ItemName& item_name);

namespace internal {

/// The first item of the batch that has a value that isn't finite.
std::int64_t first_bad_item(const at::Tensor& output);

[[noreturn]] void throw_not_finite(const ClipModel& model, Tower tower, const at::Tensor& input,
                                   const std::string& where, const std::string& item);

}  // namespace internal

template <typename ItemName>
void require_finite(const at::Tensor& output, const ClipModel& model, Tower tower,
                    const at::Tensor& input, const std::string& where, const ItemName& item_name) {
  if (all_finite(output)) return;
  internal::throw_not_finite(model, tower, input, where,
                             item_name(internal::first_bad_item(output)));
}

}  // namespace clipq
