#pragma once

#include <optional>
#include <string>

#include "clipq/checkpoint/checkpoint.h"
#include "clipq/checkpoint/reference.h"

namespace clipq {

/// Takes sample inputs, and what the original made of them, out of the tensors:
/// clipq_samples.pixels and .image, .tokens and .text, as scripts/export_clip.py writes them; of a
/// single tower only its own. Empty if there are none. Throws InputError that names `where` if some
/// are missing or don't fit each other.
std::optional<Reference> take_samples(StateDict& tensors, const std::string& where);

/// The texts of the samples, from the document clipq_samples.json. Throws InputError if there are
/// more or fewer than the samples.
std::optional<SampleTexts> sample_texts_of(const std::map<std::string, std::string>& documents,
                                           const std::optional<Reference>& samples,
                                           const std::string& where);

}  // namespace clipq
