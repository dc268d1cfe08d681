#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace clipq {

/// Writes `content` behind its SHA-256, so that damage is noticed when it is read back. Complete or
/// not at all. Throws InputError.
void write_digested(const std::filesystem::path& file, std::string_view content);

/// What write_digested() was given; nothing if the file is damaged, or was written otherwise.
/// Throws InputError if it can't be read.
std::optional<std::string> read_digested(const std::filesystem::path& file);

}  // namespace clipq
