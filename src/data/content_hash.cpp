#include "clipq/data/content_hash.h"

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

ContentHash content_hash(const Dataset& dataset, std::int64_t count) {
  Sha256 hash;
  ContentHash content;
  Progress progress("hashing data", count);
  for (std::int64_t i = 0; i < count; ++i) {
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

}  // namespace clipq
