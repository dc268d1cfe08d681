#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace clipq {

/// Whether a file or folder isn't the user's: hidden, or left by a system or a program next to the
/// user's files ("._a.jpg", "__MACOSX", "@eaDir").
bool is_passed_over(const std::filesystem::path& path);

/// The names of the folders directly in `folder` that aren't ignored, sorted.
std::vector<std::string> folders_in(const std::filesystem::path& folder);

/// The names of the images directly in `folder`, sorted.
std::vector<std::string> pictures_in(const std::filesystem::path& folder);

/// The images in `root`/`below` and in the folders in it, relative to `root`, sorted. Links are
/// followed, but not to a folder that the link itself lies in.
std::vector<std::string> pictures_below(const std::filesystem::path& root,
                                        const std::filesystem::path& below);

}  // namespace clipq
