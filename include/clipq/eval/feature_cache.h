#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>

namespace clipq {

/// Embeddings on disk, keyed by the digest of everything that determines them: a different model,
/// different data or a different build of clipq has a different key, so stale files are never
/// found. A damaged file counts as missing; the least recently used ones are evicted when the
/// folder grows too large.
class FeatureCache {
 public:
  /// A cache that stores nothing.
  FeatureCache() = default;

  /// @param folder created when first needed
  /// @param max_bytes of all files together
  explicit FeatureCache(std::filesystem::path folder,
                        std::int64_t max_bytes = std::int64_t{4} << 30);

  /// The features stored under `key`: float32 [rows, width].
  std::optional<at::Tensor> find(const std::string& key) const;

  /// Stores features under `key`. A full or read-only disk causes a warning, not an error; then it
  /// returns false.
  bool store(const std::string& key, const at::Tensor& features) const;

  /// $XDG_CACHE_HOME/clipq/features, else ~/.cache/clipq/features; empty without a home.
  static std::filesystem::path default_folder();

 private:
  std::filesystem::path file_of(const std::string& key) const;
  void remove_oldest() const;

  std::filesystem::path folder_;
  std::int64_t max_bytes_ = 0;
};

}  // namespace clipq
