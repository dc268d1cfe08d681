#include "delimited_records.h"

#include <csv.h>

#include <new>
#include <string_view>
#include <utility>

#include "clipq/core/ascii.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"

namespace clipq {
namespace {

/// A csv_parser in strict mode that collects what it reads.
class Parser {
 public:
  explicit Parser(char delimiter) : delimiter_(delimiter) { begin(); }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// Discards what it has read of an unfinished record.
  void restart() {
    csv_free(&parser_);
    begin();
  }

  /// Reads one more line. Returns false if it isn't well-formed.
  bool read(std::string_view line) {
    return csv_parse(&parser_, line.data(), line.size(), add_field, end_record, this) ==
           line.size();
  }

  /// Whether the lines so far complete a record.
  bool complete() const { return complete_; }

  /// The fields of the record that is complete; the next line begins another.
  std::vector<std::string> take_fields() {
    complete_ = false;
    return std::exchange(fields_, {});
  }

 private:
  void begin() {
    if (csv_init(&parser_, CSV_STRICT) != 0) throw std::bad_alloc();
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter_));
    fields_.clear();
    complete_ = false;
  }

  static void add_field(void* bytes, std::size_t size, void* self) {
    static_cast<Parser*>(self)->fields_.emplace_back(static_cast<const char*>(bytes), size);
  }
  static void end_record(int, void* self) { static_cast<Parser*>(self)->complete_ = true; }

  char delimiter_;
  csv_parser parser_{};
  std::vector<std::string> fields_;
  bool complete_ = false;
};

/// The fields of the record that begins at the line before `next`, which is moved past it; none if
/// it isn't well-formed.
std::vector<std::string> well_formed_fields(Parser& parser, const std::vector<std::string>& lines,
                                            std::size_t& next) {
  bool well_formed = parser.read(lines[next - 1] + "\n");
  while (well_formed && !parser.complete() && next < lines.size()) {
    well_formed = parser.read(lines[next++] + "\n");
  }
  if (well_formed && parser.complete()) return parser.take_fields();
  parser.restart();
  return {};
}

std::vector<std::string> literal_fields(const std::string& line, const DelimitedLayout& layout) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  while (fields.size() + 1 != layout.columns) {
    const std::size_t end = line.find(layout.delimiter, begin);
    if (end == std::string::npos) break;
    fields.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  fields.push_back(line.substr(begin));
  return fields;
}

}  // namespace

std::vector<DelimitedRecord> delimited_records(const std::string& text,
                                               const DelimitedLayout& layout) {
  const std::vector<std::string> lines = lines_of(text);
  std::vector<DelimitedRecord> records;
  Parser parser(layout.delimiter);
  for (std::size_t first = 0; first < lines.size();) {
    std::size_t next = first + 1;
    if (!trimmed(lines[first]).empty()) {
      std::vector<std::string> fields;
      if (layout.quotes) fields = well_formed_fields(parser, lines, next);
      if (fields.empty() || (layout.columns != 0 && fields.size() > layout.columns)) {
        next = first + 1;
        fields = literal_fields(lines[first], layout);
      }
      records.push_back({first + 1, std::move(fields)});
    }
    first = next;
  }
  return records;
}

}  // namespace clipq
