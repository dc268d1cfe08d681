#include "clipq/core/digested_file.h"

#include "clipq/core/atomic_file.h"
#include "clipq/core/files.h"
#include "clipq/core/sha256.h"

namespace clipq {
namespace {

constexpr std::size_t kDigestLength = 64;

}  // namespace

void write_digested(const std::filesystem::path& file,
                    std::initializer_list<std::string_view> content) {
  Sha256 digest;
  for (const std::string_view piece : content) digest.update(piece);
  AtomicFile out(file);
  out.write(digest.finish());
  for (const std::string_view piece : content) out.write(piece);
  out.commit();
}

void write_digested(const std::filesystem::path& file, std::string_view content) {
  write_digested(file, {content});
}

std::optional<std::string_view> digested_content(std::string_view bytes) {
  if (bytes.size() < kDigestLength) return std::nullopt;
  const std::string_view content = bytes.substr(kDigestLength);
  if (sha256_of(content) != bytes.substr(0, kDigestLength)) return std::nullopt;
  return content;
}

std::optional<std::string> read_digested(const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  const auto content = digested_content(bytes);
  return content ? std::optional<std::string>(*content) : std::nullopt;
}

}  // namespace clipq
