#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// The whole file. Throws InputError that names it and the reason if it can't be read.
std::string read_file(const std::filesystem::path& file);

/// The file's lines without their ends ("\n" or "\r\n"); a last line needs no end.
std::vector<std::string> read_lines(const std::filesystem::path& file);

/// Throws InputError unless `file` is a readable regular file; `what` names its part
/// ("checkpoint").
void require_file(const std::filesystem::path& file, const std::string& what);

/// Throws InputError unless `folder` is a folder; `what` names its part ("image folder").
void require_folder(const std::filesystem::path& folder, const std::string& what);

/// Makes the folder and those above it where they are missing. Throws InputError.
void make_folder(const std::filesystem::path& folder);

/// The folder that a file is in: "." if it is named without one.
std::filesystem::path folder_of(const std::filesystem::path& file);

/// The file that is meant: what symbolic links lead to, whether or not it is there yet.
/// Throws InputError if they go in a circle.
std::filesystem::path without_links(const std::filesystem::path& file);

/// Throws InputError unless `file`, or what it links to, could be created or replaced: its folder
/// exists and can be written to, and what has the name already, if anything, is a regular file.
/// Called before long work, so that a wrong -o costs nothing.
void require_writable_target(const std::filesystem::path& file);

/// The failure as a sentence with its paths.
std::string describe(const std::filesystem::filesystem_error& failure);

/// Writes `text` to `file` through an AtomicFile.
void write_file(const std::filesystem::path& file, std::string_view text);

}  // namespace clipq
