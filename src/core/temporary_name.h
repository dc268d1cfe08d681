#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace clipq {

/// The part of a temporary name that mkstemp() and its like make unique.
inline constexpr std::string_view kUnique = "XXXXXX";

/// A hidden name beside the target.
/// @param unique six characters
std::string temporary_name(const std::filesystem::path& target, std::string_view unique);

/// Whether a file or folder has such a name.
bool is_temporary(const std::filesystem::path& file);

/// Marks an open file or folder as being written; false: another process has.
bool lock(int descriptor);

}  // namespace clipq
