#include "clipq/library/embedder.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/library/open_model.h"
#include "memory_dataset.h"
#include "model_options.h"
#include "own_errors.h"

namespace clipq {
namespace {

/// More would wait for the forward pass.
constexpr std::int64_t kMostDecodeThreads = 2;

Embeddings embeddings_of(const at::Tensor& tensor) {
  const at::Tensor rows = tensor.contiguous();
  const float* values = rows.const_data_ptr<float>();
  return {rows.size(0), rows.size(1), std::vector<float>(values, values + rows.numel())};
}

}  // namespace

struct Embedder::Model {
  OpenedModel opened;

  Encoder encoder(std::int64_t items) const {
    EvaluatedModel model = evaluated(opened);
    model.identity.clear();  // no cache, so no digest of the program either
    return {{std::move(model)},
            {.decode_threads = static_cast<int>(std::min(items, kMostDecodeThreads)),
             .logs_passes = false}};
  }

  Embeddings none() const { return {0, opened.model.config().embed_dim(), {}}; }

  void require(Tower tower) const { require_tower(opened.model, tower, opened.info.path); }

  template <typename Item>
  Embeddings images(std::span<const Item> items) const {
    require(Tower::kImage);
    if (items.empty()) return none();
    Embeddings out;
    with_own_errors([&] {
      const MemoryDataset dataset(items);
      const ImageFeatures features = encoder(dataset.size()).images({dataset, dataset.size(), {}});
      out = embeddings_of(features.rows.front());
    });
    return out;
  }
};

Embedder::Embedder(const std::filesystem::path& file, const EmbedderOptions& options) {
  with_own_errors([&] {
    model_ = std::make_shared<const Model>(Model{open_model(file, model_options(options))});
  });
}

bool Embedder::has_image_tower() const { return model_->opened.model.has(Tower::kImage); }

bool Embedder::has_text_tower() const { return model_->opened.model.has(Tower::kText); }

std::int64_t Embedder::embed_dim() const { return model_->opened.model.config().embed_dim(); }

float Embedder::logit_scale() const {
  model_->require(Tower::kImage);
  model_->require(Tower::kText);
  return std::exp(model_->opened.model.logit_scale.item<float>());
}

bool Embedder::quantized() const { return model_->opened.quantization.has_value(); }

std::string Embedder::sha256() const { return model_->opened.info.sha256; }

std::string Embedder::unchecked() const { return model_->opened.info.unchecked; }

Embeddings Embedder::embed_images(std::span<const Image> images) const {
  return model_->images(images);
}

Embeddings Embedder::embed_images(std::span<const EncodedImage> images) const {
  return model_->images(images);
}

Embeddings Embedder::embed_texts(std::span<const std::string> texts) const {
  model_->require(Tower::kText);
  if (texts.empty()) return model_->none();
  Embeddings out;
  with_own_errors([&] {
    const std::vector<std::string> copies(texts.begin(), texts.end());
    out = embeddings_of(model_->encoder(1).texts(copies).front());
  });
  return out;
}

Embeddings normalized(Embeddings embeddings) {
  for (std::int64_t i = 0; i < embeddings.count; ++i) {
    float* row = embeddings.values.data() + i * embeddings.embed_dim;
    double squares = 0;
    for (std::int64_t j = 0; j < embeddings.embed_dim; ++j) squares += double{row[j]} * row[j];
    const auto length = static_cast<float>(std::max(std::sqrt(squares), 1e-12));
    for (std::int64_t j = 0; j < embeddings.embed_dim; ++j) row[j] /= length;
  }
  return embeddings;
}

void set_compute_threads(int threads) {
  if (threads < 1) {
    throw UsageError(cat("compute threads: got ", threads, ", expected at least 1"));
  }
  at::set_num_threads(threads);
}

}  // namespace clipq
