#include "clipq/data/content_hash.h"

#include <numeric>

#include "clipq/core/progress.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// A length before each part, so that different lists can't give the same bytes.
void hash_part(Sha256& hash, std::string_view part) {
  hash.update(cat(part.size(), ":"));
  hash.update(part);
}

}  // namespace

ContentHash content_hash(const Dataset& dataset, const std::vector<std::int64_t>& items) {
  Sha256 hash;
  ContentHash content;
  Progress progress("hashing data", static_cast<std::int64_t>(items.size()));
  for (const std::int64_t i : items) {
    content.images.push_back(dataset.image_hash(i));
    hash_part(hash, content.images.back());
    const std::vector<int> labels = dataset.labels(i);
    hash_part(hash, cat(labels.size()));
    for (const int label : labels) hash_part(hash, cat(label));
    const std::vector<std::string>& captions = dataset.captions(i);
    hash_part(hash, cat(captions.size()));
    for (const std::string& caption : captions) hash_part(hash, caption);
    progress.advance();
  }
  content.sha256 = hash.finish();
  return content;
}

ContentHash content_hash(const Dataset& dataset, std::int64_t count) {
  std::vector<std::int64_t> items(static_cast<std::size_t>(count));
  std::iota(items.begin(), items.end(), std::int64_t{0});
  return content_hash(dataset, items);
}

}  // namespace clipq
