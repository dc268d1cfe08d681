#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clipq/data/dataset.h"
#include "clipq/data/preprocess.h"

namespace clipq {

/// An entry whose picture can't be decoded.
struct BadEntry {
  std::int64_t position = 0;  ///< in the batch
  std::string reason;
};

/// Model inputs of consecutive entries of a Loader's list of indices.
struct PixelBatch {
  std::int64_t first = 0;  ///< position of the first entry in the list
  std::int64_t count = 0;  ///< number of entries
  /// [count, 3, size, size] for each Preprocess; what stands for a bad entry means nothing.
  std::vector<std::vector<float>> pixels;
  std::vector<BadEntry> bad;  ///< in order
};

/// How a Loader works.
struct LoaderOptions {
  std::int64_t batch_size = 64;  ///< items per batch, at least 1; the last batch may have fewer
  int threads = 2;               ///< workers; fewer than 1 means 1
  bool keeps_bad = false;        ///< whether InputErrors of single items end up in PixelBatch::bad
};

/// Decodes items once and preprocesses them in every way that is asked for, in worker threads ahead
/// of their use, in the list's order. At most two batches are held besides the one that the caller
/// has.
class Loader {
 public:
  /// @param dataset must outlive the loader
  /// @param indices which items, in which order
  Loader(const Dataset& dataset, std::vector<std::int64_t> indices,
         std::vector<Preprocess> preprocesses, const LoaderOptions& options);

  /// Stops the workers after the item that each is at.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Waits for the next batch and moves it into `batch`, whose memory is used again. Returns false
  /// after the last one. Rethrows what the first failing item of the batch threw, unless bad items
  /// are kept.
  bool next(PixelBatch& batch);

 private:
  class Queue;
  std::unique_ptr<Queue> queue_;
};

}  // namespace clipq
