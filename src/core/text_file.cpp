#include "clipq/core/text_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unicode/ucnv.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iomanip>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};

std::string hexadecimal(char byte) {
  std::ostringstream out;
  out << "0x" << std::uppercase << std::hex << std::setw(2) << std::setfill('0')
      << int{static_cast<unsigned char>(byte)};
  return out.str();
}

/// Throws what is wrong with the byte at `at`.
[[noreturn]] void throw_bad_byte(std::string_view text, std::size_t at, const std::string& where,
                                 const std::string& problem) {
  const std::string_view before = text.substr(0, at);
  const std::size_t line_end = before.rfind('\n');
  const std::size_t line_begin = line_end == std::string_view::npos ? 0 : line_end + 1;
  throw InputError(cat(where, ":", 1 + std::count(before.begin(), before.end(), '\n'), ": byte ",
                       1 + at - line_begin, " of the line is ", hexadecimal(text[at]), problem));
}

void require_utf8(std::string_view text, const std::string& where) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto size = static_cast<std::int64_t>(text.size());
  for (std::int64_t next = 0; next < size;) {
    const auto at = static_cast<std::size_t>(next);
    UChar32 character = 0;
    U8_NEXT(bytes, next, size, character);
    if (character < 0) {
      throw_bad_byte(text, at, where,
                     ", which isn't UTF-8; save the text as UTF-8 (from Latin-1: iconv -f latin1 "
                     "-t utf-8)");
    }
    if (character == 0) {
      throw_bad_byte(text, at, where,
                     ", which is not text; expected UTF-8, or UTF-16 with a byte order mark");
    }
  }
}

/// Text in the Unicode encoding of that name, its mark included.
std::string from_marked(const std::string& bytes, const char* encoding, const std::string& where) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, CloseConverter> converter(ucnv_open(encoding, &status));
  ucnv_setToUCallBack(converter.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  std::vector<UChar> units(bytes.size() + 1);
  const std::int32_t count =
      ucnv_toUChars(converter.get(), units.data(), static_cast<std::int32_t>(units.size()),
                    bytes.data(), static_cast<std::int32_t>(bytes.size()), &status);
  if (U_FAILURE(status)) {
    throw InputError(cat(where, " begins with the byte order mark of ", encoding,
                         " but is not valid: ", u_errorName(status), "; save the text as UTF-8"));
  }
  std::string text;
  icu::UnicodeString(units.data(), count).toUTF8String(text);
  return text;
}

std::string without_mark(std::string text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
  return text;
}

std::string read_all(int descriptor, const std::string& where) {
  constexpr std::size_t kBlock = 1 << 16;
  std::string bytes;
  for (;;) {
    pollfd ready = {descriptor, POLLIN, 0};
    while (poll(&ready, 1, -1) < 0 && errno == EINTR) throw_if_interrupted();
    const std::size_t size = bytes.size();
    bytes.resize(size + kBlock);
    const ssize_t got = ::read(descriptor, bytes.data() + size, kBlock);
    if (got < 0 && errno != EINTR) {
      throw InputError(cat("cannot read ", where, ": ", std::strerror(errno)));
    }
    bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
  }
}

/// Closes what it opened.
class Opened {
 public:
  explicit Opened(const fs::path& file, const std::string& what)
      : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw InputError(cat(what, " ", file.string(), " cannot be read: ", std::strerror(errno)));
    }
  }
  ~Opened() { close(descriptor_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

/// The content of the stream, cached by device and number. Opening it again might block forever.
const std::string& read_stream(const fs::path& file, const struct stat& status,
                               const std::string& what) {
  static std::mutex mutex;
  static std::map<std::pair<dev_t, ino_t>, std::string> given;
  const std::lock_guard lock(mutex);
  const std::pair key(status.st_dev, status.st_ino);
  const auto found = given.find(key);
  if (found != given.end()) return found->second;
  const Opened opened(file, what);
  return given.emplace(key, read_all(opened.descriptor(), file.string())).first->second;
}

bool is_stream(const struct stat& status) {
  return S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode) || S_ISSOCK(status.st_mode);
}

}  // namespace

std::string utf8_text(std::string bytes, const std::string& where) {
  UErrorCode status = U_ZERO_ERROR;
  const char* marked = ucnv_detectUnicodeSignature(
      bytes.data(), static_cast<std::int32_t>(std::min<std::size_t>(bytes.size(), 5)), nullptr,
      &status);
  const bool is_wide = marked != nullptr && std::string_view(marked).starts_with("UTF-") &&
                       marked != std::string("UTF-8");
  std::string text = without_mark(is_wide ? from_marked(bytes, marked, where) : std::move(bytes));
  require_utf8(text, where);
  return text;
}

std::string read_text(const fs::path& file, const std::string& what) {
  struct stat status {};
  if (file == kStandardInput) return read_text("/dev/stdin", what);
  if (stat(file.c_str(), &status) == 0 && is_stream(status)) {
    return utf8_text(read_stream(file, status, what), file.string());
  }
  require_file(file, what);
  return utf8_text(read_file(file), file.string());
}

std::vector<std::string> lines_of(const std::string& text) {
  const bool only_returns = text.find('\n') == std::string::npos;
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line, only_returns ? '\r' : '\n');) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> read_lines(const fs::path& file, const std::string& what) {
  return lines_of(read_text(file, what));
}

std::vector<std::string> read_lines(const fs::path& file) { return read_lines(file, "file"); }

}  // namespace clipq
