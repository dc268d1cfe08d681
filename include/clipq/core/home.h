#pragma once

#include <filesystem>

namespace clipq {

/// The path with the home folder for a "~" that begins it, which a shell leaves where another word
/// stands before it ("kind:~/data"); without a home, or where there is a file of that name, the
/// path itself.
std::filesystem::path expand_home(const std::filesystem::path& path);

}  // namespace clipq
