#include "python_json.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "clipq/core/text_file.h"

namespace clipq {
namespace {

constexpr std::array<std::string_view, 3> kNotNumbers = {"-Infinity", "Infinity", "NaN"};

/// The length of a JSON string that begins `text`, quotes included.
std::size_t string_length(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

/// `text` with those words replaced by null; strings stay as they are.
std::string nan_as_null(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto word =
        std::find_if(kNotNumbers.begin(), kNotNumbers.end(),
                     [text](std::string_view each) { return text.starts_with(each); });
    const std::size_t length = word != kNotNumbers.end() ? word->size()
                               : text.front() == '"'     ? string_length(text)
                                                         : 1;
    out += word != kNotNumbers.end() ? std::string_view("null") : text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

Json read_python_json(const std::filesystem::path& file) {
  return parse_json(nan_as_null(read_text(file)), file.string());
}

}  // namespace clipq
