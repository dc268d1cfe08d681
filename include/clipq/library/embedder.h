#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clipq/checkpoint/parity_mode.h"
#include "clipq/core/export.h"
#include "clipq/data/image.h"

namespace clipq {

/// How a model file is opened. All but `bpe` and `simulate` apply to checkpoints only; artifacts
/// store these settings.
struct EmbedderOptions {
  ParityMode parity = ParityMode::kSandbox;  ///< how a checkpoint is compared with its own code
  std::optional<std::int64_t> image_heads =
      {};  ///< attention heads; absent: as the checkpoint tells
  std::optional<std::int64_t> text_heads = {};
  std::string image_activation = {};  ///< "quick_gelu", "gelu" or "gelu_tanh"; empty: as it tells
  std::string text_activation = {};
  /// A JSON object with keys of clipq_checkpoint.json, which win over those of the file; empty:
  /// none
  std::string checkpoint = {};
  std::filesystem::path bpe =
      {};  ///< merges, tokenizer.json or SentencePiece model; empty: the model's own, else OpenAI's
  bool simulate = false;  ///< compute with the reference numerics instead of native kernels
};

/// The bytes of an image file.
struct EncodedImage {
  std::span<const std::byte> bytes = {};  ///< JPEG, PNG, WebP, GIF, BMP, PNM or TIFF
  std::string name = "image";             ///< what messages call it
};

/// Rows of float32, one per item, in the items' order.
struct Embeddings {
  std::int64_t count = 0;
  std::int64_t embed_dim = 0;
  std::vector<float> values = {};  ///< [count, embed_dim]

  std::span<const float> row(std::int64_t i) const {
    return std::span(values).subspan(static_cast<std::size_t>(i * embed_dim),
                                     static_cast<std::size_t>(embed_dim));
  }
};

/// A CLIP in memory that embeds images and texts, or one of its towers that embeds either: a float
/// checkpoint, or an artifact, which runs on native kernels. Cheap to copy; copies share the
/// weights. Every function may be called by several threads at once and returns what it would
/// return in a single thread. A moved-from Embedder may only be assigned to or destroyed. Functions
/// throw clipq::Error, or std::bad_alloc if memory runs out.
class CLIPQ_EXPORT Embedder {
 public:
  /// Opens a checkpoint or an artifact. Throws InputError if the file is missing, damaged or not
  /// such a model, or if its embeddings differ from those of the checkpoint's own code; UsageError
  /// if an option is wrong, or if the checkpoint leaves a setting open and no option gives it.
  ///
  /// A checkpoint is compared with its own code in a forked process, unless options.parity is
  /// kSkip: open it before other threads use LibTorch. Artifacts never fork.
  explicit Embedder(const std::filesystem::path& file, const EmbedderOptions& options = {});

  bool has_image_tower() const;    ///< whether it embeds images
  bool has_text_tower() const;     ///< whether it embeds texts
  std::int64_t embed_dim() const;  ///< values of an embedding
  /// The factor of cosines in the model's logits, 100 for OpenAI's. Throws UsageError unless the
  /// model has both towers.
  float logit_scale() const;
  bool quantized() const;         ///< whether it came from an artifact
  std::string sha256() const;     ///< of the file
  std::string unchecked() const;  ///< what was not compared and is taken on trust; empty: nothing

  /// Embeddings as the model returns them; not normalized unless the model does so itself. Images
  /// are resized, cropped and normalized as the model expects. Batches of 64 are computed at once.
  /// With recipes that use dynamic per-tensor ranges an embedding depends on the others in its
  /// batch; otherwise only its rounding does. Throws
  /// UsageError if an image's `rgb` isn't [height, width, 3] or the model has no image tower,
  /// InputError if an image can't be decoded.
  Embeddings embed_images(std::span<const Image> images) const;
  Embeddings embed_images(std::span<const EncodedImage> images) const;

  /// Likewise of texts in UTF-8; those longer than the model's context are truncated. Throws
  /// UsageError if the model has no text tower.
  Embeddings embed_texts(std::span<const std::string> texts) const;

 private:
  struct Model;
  std::shared_ptr<const Model> model_;
};

/// Every row scaled to length 1, so that dot products are cosines.
CLIPQ_EXPORT Embeddings normalized(Embeddings embeddings);

/// Sets how many threads a call computes on: LibTorch's number, which is the number of cores unless
/// OMP_NUM_THREADS says otherwise. Applies to the calling thread and to threads that haven't
/// computed yet: call it once, before starting threads. Throws UsageError if it is below 1.
CLIPQ_EXPORT void set_compute_threads(int threads);

}  // namespace clipq
