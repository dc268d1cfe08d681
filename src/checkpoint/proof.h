#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "clipq/checkpoint/checkpoint.h"
#include "clipq/checkpoint/reference.h"

namespace clipq {

/// Compares the model with the samples, else with what the archive's code gives, as
/// require_parity() does; a tower that the code doesn't embed is left out. Where nothing can be
/// compared, the checkpoint says what is taken on trust.
/// Throws InputError if they differ, or can't be compared and `mode` isn't kSkip; UsageError if
/// what is to be trusted isn't known.
/// @param archive the file with the code that can be run; empty: there is none
void prove(Checkpoint& checkpoint, const std::filesystem::path& archive,
           const std::optional<Reference>& samples, const std::string& where, ParityMode mode);

}  // namespace clipq
