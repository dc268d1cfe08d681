#include "clipq/core/digested_file.h"

#include "clipq/core/atomic_file.h"
#include "clipq/core/files.h"
#include "clipq/core/sha256.h"

namespace clipq {
namespace {

constexpr std::size_t kDigestLength = 64;

}  // namespace

void write_digested(const std::filesystem::path& file, std::string_view content) {
  AtomicFile out(file);
  out.write(sha256_of(content));
  out.write(content);
  out.commit();
}

std::optional<std::string> read_digested(const std::filesystem::path& file) {
  std::string text = read_file(file);
  if (text.size() < kDigestLength) return std::nullopt;
  const std::string digest = text.substr(0, kDigestLength);
  text.erase(0, kDigestLength);
  if (sha256_of(text) != digest) return std::nullopt;
  return text;
}

}  // namespace clipq
