#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace clipq {

/// Writes `content`, which comes in pieces, behind its SHA-256, so that damage is noticed when it
/// is read back. Complete or not at all. Throws InputError.
void write_digested(const std::filesystem::path& file,
                    std::initializer_list<std::string_view> content);
void write_digested(const std::filesystem::path& file, std::string_view content);

/// The content of a file with these bytes that write_digested() wrote, a part of them; nothing if
/// it is damaged, or was written otherwise.
std::optional<std::string_view> digested_content(std::string_view bytes);

/// The same for a file. Throws InputError if it can't be read.
std::optional<std::string> read_digested(const std::filesystem::path& file);

}  // namespace clipq
