#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "clipq/numerics/observer.h"

namespace clipq {

/// A uniform sample of the rows (tokens) that a layer was given, of bounded size: those whose
/// numbers hash lowest, so that the same rows are kept however often a run is cut and continued,
/// and in whatever parts it is run.
class RowSample {
 public:
  /// @param capacity the most rows to keep
  explicit RowSample(std::int64_t capacity);

  /// The rows that follow are numbered as those of this batch, which is below 2^31.
  void begin(std::int64_t batch);

  /// Takes in the rows of x (float32 [..., features]; features the same at every call).
  void add(const at::Tensor& x);

  /// float32 [at most capacity, features], by rising number; undefined before the first add().
  at::Tensor rows() const;

  /// Everything that restore() needs to go on to the same bits.
  ObserverState state() const;

  /// Throws InputError if the state isn't one of such a sample.
  void restore(const ObserverState& state);

  /// Takes in the rows of the sample whose state it is, which has seen other batches. Throws
  /// InputError if the state isn't one of such a sample.
  void merge(const ObserverState& state);

 private:
  struct Kept {
    std::uint64_t priority;
    std::int64_t number;
    std::int64_t slot;  ///< its row in rows_
    bool operator<(const Kept& other) const { return priority < other.priority; }
  };

  /// Keeps the row if it is among those with the lowest priorities.
  void offer(std::int64_t number, const float* row, std::int64_t features);

  /// What is kept, by rising number.
  std::vector<Kept> in_order() const;

  /// Makes room for that many rows, at most the capacity.
  void reserve(std::int64_t count, std::int64_t features);

  std::int64_t capacity_;
  std::int64_t next_ = 0;   ///< the next row's number
  std::vector<Kept> kept_;  ///< a heap, the highest priority first
  at::Tensor rows_;         ///< [room, features]
};

}  // namespace clipq
