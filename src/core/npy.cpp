#include "clipq/core/npy.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "clipq/core/atomic_file.h"
#include "clipq/core/error.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::size_t kPreambleBytes = 10;  // magic, version, header length
constexpr std::size_t kAlignment = 64;
constexpr std::string_view kMagic = "\x93NUMPY";

template <typename Stored>
std::vector<double> values_in(std::string_view bytes) {
  std::vector<double> values;
  for (std::size_t at = 0; at + sizeof(Stored) <= bytes.size(); at += sizeof(Stored)) {
    Stored value;
    std::memcpy(&value, bytes.data() + at, sizeof(Stored));
    values.push_back(static_cast<double>(value));
  }
  return values;
}

struct ReadableType {
  std::string_view name;
  std::vector<double> (*read)(std::string_view bytes);
};

constexpr ReadableType kReadableTypes[] = {
    {"|b1", values_in<std::uint8_t>}, {"|u1", values_in<std::uint8_t>},
    {"|i1", values_in<std::int8_t>},  {"<i2", values_in<std::int16_t>},
    {"<i4", values_in<std::int32_t>}, {"<i8", values_in<std::int64_t>},
    {"<f4", values_in<float>},        {"<f8", values_in<double>},
};

/// What stands behind `key` in a header, up to `end`; empty if it isn't there.
std::string_view field(std::string_view header, std::string_view key, std::string_view end) {
  const std::size_t found = header.find(key);
  if (found == std::string_view::npos) return {};
  const std::string_view rest = header.substr(found + key.size());
  return rest.substr(0, std::min(rest.find(end), rest.size()));
}

}  // namespace

void write_npy(const std::filesystem::path& file, const NpyType& type, const void* values,
               const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    sizes.push_back(std::to_string(size));
    count *= size;
  }
  // To the letter as NumPy writes it: embedding-reader looks for "(15, 512)".
  std::string header = cat("{'descr': '", type.name, "', 'fortran_order': False, 'shape': (",
                           join(sizes, ", "), sizes.size() == 1 ? "," : "", "), }");
  header.append(kAlignment - (kPreambleBytes + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string preamble(kMagic);
  preamble.append({1, 0});  // the format's version
  preamble += static_cast<char>(header.size() & 0xff);
  preamble += static_cast<char>(header.size() >> 8);
  AtomicFile out(file);
  out.write(preamble + header);
  out.write(values, static_cast<std::size_t>(count) * type.bytes);
  out.commit();
}

void write_npy(const std::filesystem::path& file, const float* values,
               const std::vector<std::int64_t>& shape) {
  write_npy(file, kNpyFloat32, values, shape);
}

void write_npy(const std::filesystem::path& file, const std::int64_t* values,
               const std::vector<std::int64_t>& shape) {
  write_npy(file, {"<i8", sizeof(std::int64_t)}, values, shape);
}

std::vector<double> parse_npy_vector(std::string_view bytes, const std::string& where) {
  const auto fail = [&where](const std::string& problem) {
    throw InputError(cat(where, ": ", problem, "; expected a one-dimensional array as .npy"));
  };
  if (!bytes.starts_with(kMagic) || bytes.size() < kPreambleBytes) fail("it is no .npy file");
  const bool is_first_version = bytes[kMagic.size()] == 1;
  std::size_t length = 0;
  std::memcpy(&length, bytes.data() + kMagic.size() + 2, 2);
  std::size_t start = kPreambleBytes;
  if (!is_first_version) {
    if (bytes.size() < kPreambleBytes + 2) fail("it is cut off");
    std::memcpy(&length, bytes.data() + kMagic.size() + 2, 4);
    start += 2;
  }
  if (length > bytes.size() - start) fail("it is cut off");
  const std::string_view header = bytes.substr(start, length);
  const std::string_view type = field(header, "'descr': '", "'");
  const std::string_view shape = field(header, "'shape': (", ")");
  const auto readable =
      std::find_if(std::begin(kReadableTypes), std::end(kReadableTypes),
                   [type](const ReadableType& each) { return each.name == type; });
  if (readable == std::end(kReadableTypes)) fail(cat("its type is \"", type, "\""));
  const auto count = parse_number<std::size_t>(shape.substr(0, shape.find(',')));
  if (!count || !shape.ends_with(',')) fail(cat("its shape is (", shape, ")"));
  std::vector<double> values = readable->read(bytes.substr(start + length));
  if (values.size() != *count) fail("it is cut off");
  return values;
}

}  // namespace clipq
