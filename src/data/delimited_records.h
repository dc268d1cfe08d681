#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace clipq {

/// A record of a text with delimited fields.
struct DelimitedRecord {
  std::size_t line = 0;  ///< where it begins, from 1
  std::vector<std::string> fields;
};

/// How such a text is formatted.
struct DelimitedLayout {
  char delimiter = ',';
  bool quotes = true;       ///< whether fields may be quoted as in CSV (RFC 4180)
  std::size_t columns = 0;  ///< of a well-formed record; 0: any number
};

/// The records of a text, without empty ones. A field in quotes may have delimiters, line breaks
/// and doubled quotes in it. A line that isn't well-formed, or has more fields than columns, is
/// taken as it stands: cut at every delimiter but the surplus ones in its last column, quotes and
/// blanks kept.
std::vector<DelimitedRecord> delimited_records(const std::string& text,
                                               const DelimitedLayout& layout);

}  // namespace clipq
