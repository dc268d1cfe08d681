#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>

#include "clipq/checkpoint/parity_mode.h"
#include "clipq/model/clip_config.h"

namespace clipq {

/// "sandbox", "run" or "skip". Throws UsageError that names `where`.
ParityMode parse_parity_mode(const std::string& name, const std::string& where);

const char* name_of(ParityMode mode);

/// What the original makes of a few images and texts: an archive's own code, of random ones, or
/// samples that were saved with the weights.
struct Reference {
  at::Tensor pixels;         ///< float32 [n, 3, R, R]; undefined: there are no images
  at::Tensor tokens;         ///< int64 [n, context]; undefined: there are no texts
  std::string source;        ///< for messages: "the archive's own encode_image and encode_text"
  bool has_lengths = false;  ///< forward's were scaled to length 1
  at::Tensor image;          ///< float32 [n, embed_dim]; undefined if there are only similarities,
                             ///< or no images
  at::Tensor text;           ///< likewise
  at::Tensor similarities;   ///< float32 [n, n], cosines times the archive's scale; or undefined

  /// A tower's embeddings.
  const at::Tensor& of(Tower tower) const { return tower == Tower::kImage ? image : text; }

  /// Whether a tower can be compared with it.
  bool covers(Tower tower) const { return of(tower).defined() || similarities.defined(); }
};

/// A reference, or why there is none.
struct ReferenceResult {
  std::optional<Reference> reference;
  std::string failure;  ///< one sentence
};

/// Runs the archive's code in a child process, on one thread, with limits on memory (2 GiB and six
/// times the file) and time (30 s and a second for each 8 MiB of the file); only embeddings come
/// back. Throws UsageError if it is to be confined and this machine can't, InputError if the code
/// gives something else than embeddings, std::bad_alloc if memory runs out, and Interrupted.
/// @param mode not kSkip
ReferenceResult run_reference(const std::filesystem::path& file, const ClipConfig& config,
                              ParityMode mode);

}  // namespace clipq
