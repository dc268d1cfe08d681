#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace clipq {

/// A caption in a text file with columns.
struct CaptionRow {
  std::size_t line = 0;  ///< where it begins, from 1
  std::string image;     ///< file name, without a "#0" after it
  std::string caption;   ///< without surrounding blanks
  std::string split;     ///< "train", "test", …; empty if the file doesn't say
};

/// The rows of a captions text. Its columns are given by a header line with commas, tabs, bars or
/// semicolons; without one it is "name.jpg#0<TAB>caption" (Flickr's token files) or
/// "name.jpg,caption". Throws InputError that names `where` and the line.
std::vector<CaptionRow> caption_rows(const std::string& text, const std::string& where);

}  // namespace clipq
