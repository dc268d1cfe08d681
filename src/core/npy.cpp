#include "clipq/core/npy.h"

#include <string>

#include "clipq/core/atomic_file.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::size_t kPreambleBytes = 10;  // magic, version, header length
constexpr std::size_t kAlignment = 64;

template <typename Value>
void write_array(const std::filesystem::path& file, const char* type, const Value* values,
                 const std::vector<std::int64_t>& shape) {
  std::string sizes;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    sizes += cat(size, ", ");
    count *= size;
  }
  std::string header =
      cat("{'descr': '", type, "', 'fortran_order': False, 'shape': (", sizes, "), }");
  header.append(kAlignment - (kPreambleBytes + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string preamble("\x93NUMPY\x01\x00", 8);
  preamble += static_cast<char>(header.size() & 0xff);
  preamble += static_cast<char>(header.size() >> 8);
  AtomicFile out(file);
  out.write(preamble + header);
  out.write(values, static_cast<std::size_t>(count) * sizeof(Value));
  out.commit();
}

}  // namespace

void write_npy(const std::filesystem::path& file, const float* values,
               const std::vector<std::int64_t>& shape) {
  write_array(file, "<f4", values, shape);
}

void write_npy(const std::filesystem::path& file, const std::int64_t* values,
               const std::vector<std::int64_t>& shape) {
  write_array(file, "<i8", values, shape);
}

}  // namespace clipq
