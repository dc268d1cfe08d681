#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/eval/encode.h"
#include "pixel_pass.h"
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
  const std::vector<std::int64_t>& items() const { return pass_.items(); }
  const std::vector<std::string>& skipped() const { return pass_.skipped(); }

 private:
  void encode_batch(const std::vector<at::Tensor>& pixels, const std::vector<std::int64_t>& items,
                    const Dataset& dataset);

  std::vector<EvaluatedModel> models_;
  ImageFeature feature_;
  PixelPass pass_;
  std::vector<at::Tensor> rows_;  ///< of each model, so far: of as many images as there are at most
  std::int64_t filled_ = 0;       ///< rows, of every model
  double forward_seconds_ = 0;
};

}  // namespace clipq
