#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clipq/data/dataset.h"
#include "clipq/data/preprocess.h"

namespace clipq {

/// Model inputs of consecutive entries of a Loader's list of indices.
struct PixelBatch {
  std::int64_t first = 0;     ///< position of the first entry in the list
  std::int64_t count = 0;     ///< number of entries
  std::vector<float> pixels;  ///< [count, 3, size, size]
};

/// Decodes and preprocesses items in worker threads ahead of their use, in the list's order. At
/// most two batches are held besides the one that the caller has.
class Loader {
 public:
  /// @param dataset must outlive the loader
  /// @param indices which items, in which order
  /// @param batch_size items a batch, at least 1; the last batch may have fewer
  /// @param threads workers; fewer than 1 means 1
  Loader(const Dataset& dataset, std::vector<std::int64_t> indices, Preprocess preprocess,
         std::int64_t batch_size, int threads);

  /// Stops the workers after the item that each is at.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Waits for the next batch and moves it into `batch`, whose memory is used again. Returns false
  /// after the last one. Rethrows what the first failing item of the batch threw.
  bool next(PixelBatch& batch);

 private:
  class Queue;
  std::unique_ptr<Queue> queue_;
};

}  // namespace clipq
