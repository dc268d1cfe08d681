#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/core/rank_exchange.h"
#include "clipq/data/content_hash.h"
#include "clipq/data/loader.h"
#include "clipq/eval/feature_cache.h"
#include "clipq/model/clip_model.h"
#include "clipq/quant/quantized_model.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// A model as evaluations see it.
struct EvaluatedModel {
  const ClipModel* model = nullptr;
  const Tokenizer* tokenizer = nullptr;
  std::string label;     ///< short, and different from the others' of a run
  std::string identity;  ///< of its weights and how it computes, for the cache; empty: not cached
  const Quantization* quantization = nullptr;  ///< how it was quantized; null: float
  std::string file = {};                       ///< that it was read from; may be empty

  /// What messages call it.
  const std::string& place() const { return file.empty() ? label : file; }
};

/// The towers that all of the models have. Says which are left out because some lack them; throws
/// UsageError if none is left.
Component common_towers(const std::vector<EvaluatedModel>& models);

/// What of an image tower.
enum class ImageFeature {
  kEmbedding,  ///< encode_image's: [embed_dim]
  kPooled      ///< before the projection: [vision_width]
};

/// The value of that name ("embedding", "pooled"). Throws UsageError that names `where`.
ImageFeature parse_image_feature(const std::string& name, const std::string& where);

/// The first items of a data set.
struct ImageSource {
  const Dataset& dataset;
  std::int64_t count = 0;
  ContentHash content;  ///< of these items: for the cache; may be left empty without one
};

/// How data are fed to models.
struct EncodeOptions {
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  std::int64_t skip_bad = 0;  ///< so many pictures may be undecodable
  FeatureCache cache = {};
  std::filesystem::path save_folder = {};  ///< features are also written here as .npy; empty: not
  bool logs_passes = true;                 ///< whether counts and times are logged
  /// Processes that run parts of the batches; null: this one runs them all. Features then come to
  /// rank 0 alone: it has the cache and the folder, and the others get undefined tensors.
  const RankExchange* ranks = nullptr;
};

/// Embeddings of the same images by several models.
struct ImageFeatures {
  std::vector<at::Tensor> rows;      ///< one a model: float32 [items, width], not normalized;
                                     ///< undefined on ranks above 0
  std::vector<std::int64_t> items;   ///< the data set's items that the rows are of
  std::vector<std::string> skipped;  ///< names of those that can't be decoded
};

/// The batch as a float32 tensor [count, 3, size, size] that shares its memory.
/// @param which of the Loader's preprocessings
at::Tensor pixels_of(PixelBatch& batch, const Preprocess& preprocess, std::size_t which = 0);

/// Token ids of texts: int32 [texts, context_length] of `config`.
/// Throws UsageError if the tokenizer's vocabulary isn't the model's.
at::Tensor tokens_of(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
                     const TextTowerConfig& config);

/// How many items a run over the first `limit` (0: all) of a data set takes.
std::int64_t items_within(std::int64_t limit, const Dataset& dataset);

/// The indices 0 … n-1.
std::vector<std::int64_t> first_indices(std::int64_t n);

/// Models and the way in which data are fed to them.
class Encoder {
 public:
  Encoder(std::vector<EvaluatedModel> models, EncodeOptions options);
  virtual ~Encoder() = default;

  /// Features of images by all models. They are decoded once; every model sees the same batches.
  /// Models whose features are cached don't run.
  /// @param name what the features are called where they are saved; different for each call where
  /// ranks share the work
  /// Throws InputError that names the pictures if more than skip_bad can't be decoded, or one whose
  /// features aren't finite, or if ranks don't evaluate the same; UsageError if a model has no
  /// image tower. With ranks, what RankExchange throws.
  virtual ImageFeatures images(const ImageSource& source,
                               ImageFeature feature = ImageFeature::kEmbedding,
                               const std::string& name = "images") const;

  /// Embeddings of texts by all models: float32 [texts, embed_dim] each, not normalized. Each
  /// distinct text is embedded once, beside others of its length, unless the model needs the whole
  /// batch. Throws InputError that names a text whose embedding isn't finite, UsageError if a model
  /// has no text tower.
  virtual std::vector<at::Tensor> texts(const std::vector<std::string>& texts,
                                        const std::string& name = "texts") const;

  const std::vector<EvaluatedModel>& models() const { return models_; }
  const EncodeOptions& options() const { return options_; }

 private:
  void require_towers(Tower tower) const;
  Json computations() const;
  at::Tensor cached(const std::string& key, std::int64_t rows) const;
  void store(const std::string& key, const at::Tensor& features) const;
  void save(const std::vector<at::Tensor>& features, const std::string& name) const;

  std::vector<EvaluatedModel> models_;
  EncodeOptions options_;
};

}  // namespace clipq
