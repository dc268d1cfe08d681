#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/data/dataset.h"
#include "clipq/data/loader.h"
#include "clipq/model/clip_model.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// How data are fed to a model.
struct EncodeOptions {
  std::int64_t batch_size = 64;
  int decode_threads = 2;
};

/// The batch as a float32 tensor [count, 3, size, size] that shares its memory.
at::Tensor pixels_of(PixelBatch& batch, const Preprocess& preprocess);

/// Token ids of texts: int32 [texts, context_length] of `config`.
/// Throws UsageError if the tokenizer's vocabulary isn't the model's.
at::Tensor tokens_of(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
                     const ClipConfig& config);

/// How many items a run over the first `limit` (0: all) of a data set takes.
std::int64_t items_within(std::int64_t limit, const Dataset& dataset);

/// Embeddings of the first `limit` images (0: all): float32 [n, embed_dim], not normalized.
at::Tensor encode_images(const ClipModel& model, const Dataset& dataset, std::int64_t limit,
                         const EncodeOptions& options);

/// Embeddings of texts at full context: float32 [n, embed_dim], not normalized.
at::Tensor encode_texts(const ClipModel& model, const Tokenizer& tokenizer,
                        const std::vector<std::string>& texts, const EncodeOptions& options);

/// The indices 0 … n-1.
std::vector<std::int64_t> first_indices(std::int64_t n);

}  // namespace clipq
