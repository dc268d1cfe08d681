#include "clipq/eval/encode.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <numeric>

#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"

namespace clipq {

std::vector<std::int64_t> first_indices(std::int64_t n) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

std::int64_t items_within(std::int64_t limit, const Dataset& dataset) {
  return limit > 0 ? std::min(limit, dataset.size()) : dataset.size();
}

at::Tensor pixels_of(PixelBatch& batch, const Preprocess& preprocess) {
  return at::from_blob(batch.pixels.data(), {batch.count, 3, preprocess.size, preprocess.size},
                       at::TensorOptions(at::kFloat));
}

at::Tensor tokens_of(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
                     const ClipConfig& config) {
  if (tokenizer.vocabulary_size() != config.vocab_size) {
    throw UsageError(cat("the tokenizer has ", tokenizer.vocabulary_size(),
                         " entries, but the model's token embedding has ", config.vocab_size,
                         "; give the model's own merges with --bpe"));
  }
  const std::vector<std::int32_t> ids = tokenizer.tokenize(texts, config.context_length);
  return at::tensor(at::ArrayRef<std::int32_t>(ids), at::TensorOptions(at::kInt))
      .view({static_cast<std::int64_t>(texts.size()), config.context_length});
}

at::Tensor encode_images(const ClipModel& model, const Dataset& dataset, std::int64_t limit,
                         const EncodeOptions& options) {
  const std::int64_t count = items_within(limit, dataset);
  Loader loader(dataset, first_indices(count), model.preprocess, options.batch_size,
                options.decode_threads);
  at::Tensor embeddings = at::empty({count, model.config.embed_dim});
  Progress progress("images", count);
  for (PixelBatch batch; loader.next(batch);) {
    embeddings.narrow(0, batch.first, batch.count)
        .copy_(model.encode_image(pixels_of(batch, model.preprocess)));
    progress.advance(batch.count);
  }
  return embeddings;
}

at::Tensor encode_texts(const ClipModel& model, const Tokenizer& tokenizer,
                        const std::vector<std::string>& texts, const EncodeOptions& options) {
  const at::Tensor tokens = tokens_of(texts, tokenizer, model.config);
  const std::int64_t count = tokens.size(0);
  at::Tensor embeddings = at::empty({count, model.config.embed_dim});
  Progress progress("texts", count);
  for (std::int64_t first = 0; first < count; first += options.batch_size) {
    const std::int64_t rows = std::min(options.batch_size, count - first);
    embeddings.narrow(0, first, rows).copy_(model.encode_text(tokens.narrow(0, first, rows)));
    progress.advance(rows);
  }
  return embeddings;
}

}  // namespace clipq
