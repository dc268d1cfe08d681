#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "clipq/core/json.h"
#include "clipq/model/clip_model.h"

namespace clipq {

/// The output of each block of a tower for one image or text: float32 [1, tokens, width] per block.
using BlockOutputs = std::vector<at::Tensor>;

BlockOutputs block_outputs(const Transformer& blocks, at::Tensor x);

/// How far a tower's residual stream has moved from the first model's, block by block.
class BlockDrift {
 public:
  explicit BlockDrift(std::size_t blocks) : sums_(blocks) {}

  /// Adds the outputs of both models for the same image or text.
  void add(const BlockOutputs& base, const BlockOutputs& other);

  /// The mean over the tokens of the cosine, by block.
  std::vector<double> cosines() const;

  /// 10 log10(sum base^2 / sum (base - other)^2) by block, at most 200.
  std::vector<double> sqnr_db() const;

 private:
  struct Sums {
    double cosine = 0;
    double signal = 0;
    double noise = 0;
    std::int64_t tokens = 0;
  };
  std::vector<Sums> sums_;
};

}  // namespace clipq
