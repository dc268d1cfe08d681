#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/data/loader.h"
#include "clipq/eval/encode.h"
#include "clipq/eval/undecodable.h"
#include "shared_pass.h"

namespace clipq {

/// One pass of images through models.
class ImagePass {
 public:
  ImagePass(std::vector<EvaluatedModel> models, ImageFeature feature);

  /// Runs this process's batches of the first `count` items, and learns of all which can't be
  /// decoded.
  void run(const Dataset& dataset, std::int64_t count, const EncodeOptions& options,
           const SharedPass& shared);

  /// The i-th model's features of this process's images; undefined if it has none.
  at::Tensor features(std::size_t i) const;

  /// Of all processes: those that have features, and the names of those that can't be decoded.
  const std::vector<std::int64_t>& items() const { return items_; }
  const std::vector<std::string>& skipped() const { return bad_.names; }

 private:
  void encode_all(Loader& loader, const Dataset& dataset, std::int64_t skip_bad);
  void encode_batch(PixelBatch& batch, const std::vector<std::int64_t>& good,
                    const Dataset& dataset);
  std::vector<std::int64_t> note_bad(const PixelBatch& batch);
  void sort_out(const Dataset& dataset, std::int64_t count, std::int64_t skip_bad,
                const SharedPass& shared);

  std::vector<EvaluatedModel> models_;
  ImageFeature feature_;
  std::vector<Preprocess> preprocesses_;    ///< the different ones
  std::vector<std::size_t> preprocess_of_;  ///< by model
  std::int64_t first_ = 0;                  ///< item of this process
  std::int64_t own_ = 0;                    ///< items of this process
  std::vector<at::Tensor> rows_;            ///< of each model: [own_, width], so far
  std::int64_t filled_ = 0;                 ///< rows, of every model
  Json bad_here_ = Json::array();           ///< [item, reason] of this process's
  std::vector<std::int64_t> items_;
  Undecodable bad_;
  double forward_seconds_ = 0;
};

}  // namespace clipq
