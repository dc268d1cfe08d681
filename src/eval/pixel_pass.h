#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/eval/encode.h"
#include "clipq/eval/undecodable.h"
#include "shared_pass.h"

namespace clipq {

/// One pass over images, without those that can't be decoded.
class PixelPass {
 public:
  /// Takes a batch: float32 [n, 3, size, size] for each preprocessing, whose memory may be used
  /// again afterwards, and the items that it is of.
  using Take = std::function<void(const std::vector<at::Tensor>& pixels,
                                  const std::vector<std::int64_t>& items)>;

  /// @param preprocesses those that are the same count once
  explicit PixelPass(const std::vector<Preprocess>& preprocesses);

  /// Which of the tensors that `take` is given has been preprocessed so.
  std::size_t place_of(const Preprocess& preprocess) const;

  /// Gives `take` this process's batches of the first `count` items, and learns of all processes'
  /// which can't be decoded. Throws InputError that names these if they are more than
  /// options.skip_bad, or if no image is left.
  void run(const Dataset& dataset, std::int64_t count, const EncodeOptions& options,
           const SharedPass& shared, const Take& take);

  /// Of this process: all.
  std::int64_t own() const { return own_; }

  /// Of all processes: those that can be decoded, and the names of the others.
  const std::vector<std::int64_t>& items() const { return items_; }
  const std::vector<std::string>& skipped() const { return bad_.names; }

 private:
  void take_batch(PixelBatch& batch, const std::vector<std::int64_t>& good, const Take& take);
  std::vector<std::int64_t> note_bad(const PixelBatch& batch);
  void sort_out(const Dataset& dataset, std::int64_t count, std::int64_t skip_bad,
                const SharedPass& shared);

  std::vector<Preprocess> preprocesses_;
  std::int64_t first_ = 0;         ///< item of this process
  std::int64_t own_ = 0;           ///< items of this process
  Json bad_here_ = Json::array();  ///< [item, reason] of this process's
  std::vector<std::int64_t> items_;
  Undecodable bad_;
};

}  // namespace clipq
