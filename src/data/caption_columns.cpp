#include "caption_columns.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "clipq/core/ascii.h"
#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "delimited_records.h"
#include "file_dataset.h"

namespace clipq {
namespace {

constexpr std::array kDelimiters = {'\t', '|', ';', ','};
/// Common names of the columns, the most specific first.
const std::vector<std::string> kImageNames = {"image_name", "file_name", "filename", "filepath",
                                              "image_path", "image",     "img",      "file",
                                              "path",       "name",      "image_id"};
const std::vector<std::string> kCaptionNames = {"caption", "comment",  "captions",
                                                "raw",     "sentence", "sentences",
                                                "text",    "title",    "description"};
const std::vector<std::string> kNumberNames = {"comment_number", "caption_number", "number",
                                               "sentid"};

/// How a file is formatted, and which column holds what.
struct Columns {
  DelimitedLayout layout;
  bool header = false;
  std::size_t image = 0;
  std::size_t caption = 1;
  std::optional<std::size_t> number;
  std::optional<std::size_t> split;
};

std::optional<std::size_t> column_of(const std::vector<std::string>& header,
                                     const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = std::find_if(header.begin(), header.end(), [&](const std::string& field) {
      return lower_case(trimmed(field)) == name;
    });
    if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  }
  return std::nullopt;
}

bool is_whole_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// A file name without Flickr's caption number after it: "1.jpg#0".
std::string image_of(const std::string& field) {
  const std::string name = trimmed(field);
  const std::size_t hash = name.rfind('#');
  const bool numbered = hash != std::string::npos && is_whole_number(name.substr(hash + 1));
  return numbered ? name.substr(0, hash) : name;
}

std::optional<Columns> columns_by_header(const std::string& line) {
  for (const char delimiter : kDelimiters) {
    const auto records = delimited_records(line, {.delimiter = delimiter});
    if (records.empty()) continue;
    const std::vector<std::string>& header = records.front().fields;
    const auto image = column_of(header, kImageNames);
    const auto caption = column_of(header, kCaptionNames);
    if (!image || !caption || image == caption) continue;
    return Columns{
        {delimiter, true, header.size()}, true, *image, *caption, column_of(header, kNumberNames),
        column_of(header, {"split"})};
  }
  return std::nullopt;
}

/// The columns of a file without a header line.
std::optional<Columns> columns_without_header(const std::string& line) {
  for (const char delimiter : kDelimiters) {
    const bool quotes = delimiter != '\t';
    const auto records = delimited_records(line, {delimiter, quotes});
    if (records.empty()) continue;
    const std::vector<std::string>& fields = records.front().fields;
    if (fields.size() < 2 || !has_image_extension(image_of(fields[0]))) continue;
    Columns columns;
    columns.layout = {delimiter, quotes, 2};
    if (fields.size() > 2 && is_whole_number(trimmed(fields[1]))) {
      columns.layout.columns = 3;
      columns.number = 1;
      columns.caption = 2;
    }
    return columns;
  }
  return std::nullopt;
}

/// Repairs a row that lacks the delimiter between the caption's number and the caption, such as
/// the one of Flickr30k's results.csv: "1.jpg| 4   A dog".
bool repair(DelimitedRecord& record, const Columns& columns) {
  if (!columns.number || columns.caption != *columns.number + 1 ||
      record.fields.size() != columns.caption) {
    return false;
  }
  const std::string both = trimmed(record.fields.back());
  const std::size_t blank = both.find(' ');
  if (blank == std::string::npos || !is_whole_number(both.substr(0, blank))) return false;
  record.fields.back() = both.substr(0, blank);
  record.fields.push_back(both.substr(blank));
  return true;
}

CaptionRow row_of(DelimitedRecord record, const Columns& columns, const std::string& where) {
  if (repair(record, columns)) {
    log::warn(cat(where, ":", record.line,
                  " has no delimiter between the number and the caption; read ", "as ",
                  record.fields[*columns.number], " and \"",
                  trimmed(record.fields[columns.caption]), "\""));
  }
  const auto field = [&](std::size_t i) {
    return i < record.fields.size() ? trimmed(record.fields[i]) : std::string();
  };
  CaptionRow row = {record.line, image_of(field(columns.image)), field(columns.caption),
                    columns.split ? field(*columns.split) : ""};
  if (columns.caption < record.fields.size() && has_image_extension(row.image)) return row;
  throw InputError(cat(where, ":", record.line, ": got \"",
                       join(record.fields, std::string(1, columns.layout.delimiter)), "\" (",
                       record.fields.size(), " fields), expected an image file name in field ",
                       columns.image + 1, " and its caption in field ", columns.caption + 1));
}

}  // namespace

std::vector<CaptionRow> caption_rows(const std::string& text, const std::string& where) {
  const std::vector<std::string> lines = lines_of(text);
  const std::string first = lines.empty() ? std::string() : lines.front();
  auto columns = columns_by_header(first);
  if (!columns) columns = columns_without_header(first);
  if (!columns) {
    throw InputError(
        cat(where, ":1: got \"", first, "\", expected a header with a column of file ",
            "names (\"image\", \"image_name\", \"filename\", …) and one of captions ",
            "(\"caption\", \"comment\", …), or \"name.jpg#0\", a tab and a caption; a ",
            "JSON file is opened as coco:"));
  }
  std::vector<DelimitedRecord> records = delimited_records(text, columns->layout);
  if (columns->header) records.erase(records.begin());
  std::vector<CaptionRow> rows;
  for (DelimitedRecord& record : records)
    rows.push_back(row_of(std::move(record), *columns, where));
  return rows;
}

}  // namespace clipq
