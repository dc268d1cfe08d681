#pragma once

#include <optional>
#include <string>

#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/checkpoint/reference.h"

namespace clipq {

/// Takes sample inputs, and what the original made of them, out of the tensors:
/// clipq_samples.pixels, .tokens, .image and .text, as scripts/export_clip.py writes them. Empty if
/// there are none. Throws InputError that names `where` if some are missing or don't fit each
/// other.
std::optional<Reference> take_samples(StateDict& tensors, const std::string& where);

}  // namespace clipq
