#include "clipq/core/npy.h"

#include <string>

#include "clipq/core/atomic_file.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::size_t kPreambleBytes = 10;  // magic, version, header length
constexpr std::size_t kAlignment = 64;

}  // namespace

void write_npy(const std::filesystem::path& file, const float* values, std::int64_t rows,
               std::int64_t columns) {
  std::string header =
      cat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ", columns, "), }");
  header.append(kAlignment - (kPreambleBytes + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string preamble("\x93NUMPY\x01\x00", 8);
  preamble += static_cast<char>(header.size() & 0xff);
  preamble += static_cast<char>(header.size() >> 8);
  AtomicFile out(file);
  out.write(preamble + header);
  out.write(values, static_cast<std::size_t>(rows * columns) * sizeof(float));
  out.commit();
}

}  // namespace clipq
