#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// The name that stands for standard input where a text is read.
inline constexpr const char* kStandardInput = "-";

/// `bytes` as UTF-8 without a byte order mark: UTF-16 and UTF-32 are read where they begin with
/// one. Throws InputError that names `where`, line and byte if they are none of these, or if a NUL
/// is among them.
std::string utf8_text(std::string bytes, const std::string& where);

/// The text of a file, or of standard input ("-"), a pipe or a terminal, as utf8_text() gives it.
/// A pipe gives its text once; it is kept, so that it can be read again.
/// @param what names its part in messages ("captions file")
/// Throws InputError if it can't be read.
std::string read_text(const std::filesystem::path& file, const std::string& what = "file");

/// The text's lines without their ends ("\n" or "\r\n"; "\r" where there is no "\n"); a last line
/// needs no end.
std::vector<std::string> lines_of(const std::string& text);

/// lines_of(read_text(file, what)).
std::vector<std::string> read_lines(const std::filesystem::path& file, const std::string& what);

}  // namespace clipq
