#include "clipq/eval/feature_cache.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "clipq/core/digested_file.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/mapped_file.h"
#include "clipq/core/strings.h"
#include "clipq/eval/feature_rows.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".features";

/// A file holds "rows columns\n", then the values.
std::optional<at::Tensor> parse(std::string_view body) {
  const std::size_t line_end = body.find('\n');
  if (line_end == std::string_view::npos) return std::nullopt;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const char* end = body.data() + line_end;
  const auto first = std::from_chars(body.data(), end, rows);
  if (first.ec != std::errc() || first.ptr == end) return std::nullopt;
  if (std::from_chars(first.ptr + 1, end, columns).ec != std::errc()) return std::nullopt;
  const std::string_view values = body.substr(line_end + 1);
  const auto count = static_cast<std::int64_t>(values.size() / sizeof(float));
  // Multiplying the sizes could overflow.
  if (rows < 1 || columns < 1 || count / rows != columns || count % rows != 0 ||
      values.size() % sizeof(float) != 0) {
    return std::nullopt;
  }
  const at::Tensor features = feature_rows(rows, columns);
  std::memcpy(features.mutable_data_ptr<float>(), values.data(), values.size());
  return features;
}

}  // namespace

FeatureCache::FeatureCache(fs::path folder, std::int64_t max_bytes)
    : folder_(std::move(folder)), max_bytes_(max_bytes) {}

std::optional<at::Tensor> FeatureCache::find(const std::string& key) const {
  std::error_code missing;
  if (folder_.empty() || !fs::is_regular_file(file_of(key), missing)) return std::nullopt;
  try {
    const MappedFile file(file_of(key));
    const std::optional<std::string_view> content = digested_content(file.bytes());
    std::optional<at::Tensor> features = content ? parse(*content) : std::nullopt;
    if (features) {
      std::error_code ignored;
      fs::last_write_time(file_of(key), fs::file_time_type::clock::now(), ignored);
    } else {
      log::warn(cat(file_of(key).string(), " is damaged; recomputing its features"));
    }
    return features;
  } catch (const InputError& failure) {
    log::warn(cat("the feature cache isn't used: ", failure.what()));
    return std::nullopt;
  }
}

bool FeatureCache::store(const std::string& key, const at::Tensor& features) const {
  if (folder_.empty()) return false;
  const at::Tensor rows = features.contiguous();
  const std::string header = cat(rows.size(0), " ", rows.size(1), "\n");
  const auto* bytes = static_cast<const char*>(rows.const_data_ptr());
  bool stored = false;
  try {
    make_folder(folder_);
    write_digested(file_of(key), {header, {bytes, rows.nbytes()}});
    stored = true;
  } catch (const InputError& failure) {
    log::warn(cat("features aren't cached: ", failure.what()));
  }
  remove_oldest();
  return stored;
}

fs::path FeatureCache::default_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return fs::path(cache) / "clipq" / "features";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return fs::path(home) / ".cache" / "clipq" / "features";
  return {};
}

fs::path FeatureCache::file_of(const std::string& key) const {
  return folder_ / (key + kExtension);
}

void FeatureCache::remove_oldest() const {
  struct Entry {
    fs::file_time_type time;
    std::int64_t bytes;
    fs::path file;
  };
  std::vector<Entry> entries;
  std::int64_t total = 0;
  std::error_code failure;
  for (fs::directory_iterator file(folder_, failure), end; !failure && file != end;
       file.increment(failure)) {
    if (file->path().extension() != kExtension) continue;
    std::error_code gone;
    const auto bytes = static_cast<std::int64_t>(file->file_size(gone));
    const auto time = file->last_write_time(gone);
    if (gone) continue;
    entries.push_back({time, bytes, file->path()});
    total += bytes;
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& left, const Entry& right) { return left.time < right.time; });
  for (std::size_t i = 0; i < entries.size() && total > max_bytes_; ++i) {
    total -= entries[i].bytes;
    fs::remove(entries[i].file, failure);
  }
}

}  // namespace clipq
