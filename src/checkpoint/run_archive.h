#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

namespace clipq {

/// What an archive's own code made of some images and texts.
struct ArchiveAnswer {
  enum class Kind {
    kEmbeddings,         ///< from encode_image and encode_text, or the only one there is
    kForwardEmbeddings,  ///< from a forward that takes either images or texts
    kFeatures,           ///< from forward: embeddings of length 1
    kSimilarities        ///< from forward: logits alone
  };

  Kind kind = Kind::kEmbeddings;
  at::Tensor image;  ///< float32 [images, embed_dim]; similarities: [images, texts]
  at::Tensor text;   ///< float32 [texts, embed_dim]; similarities: undefined
};

/// Loads the archive with LibTorch, which compiles its code and may run some, and calls
/// encode_image and encode_text, or forward if it lacks one, in float32 on the CPU: of all images
/// and texts at once, else one by one. Code that takes only images or only texts gives only their
/// embeddings. Graphs' constants that say "cuda" or half precision are
/// changed, weights of other precisions become float32.
/// Throws Error with one sentence, without Torch's traceback, and std::bad_alloc if memory runs
/// out. Not for archives that aren't trusted, unless in a sandbox.
/// @param pixels float32 [n, 3, R, R]; undefined if the archive has no image tower
/// @param tokens int64 [n, context]; undefined if it has no text tower
/// @param embed_dim by which embeddings are told from other outputs
ArchiveAnswer run_archive(const std::filesystem::path& file, const at::Tensor& pixels,
                          const at::Tensor& tokens, std::int64_t embed_dim);

}  // namespace clipq
