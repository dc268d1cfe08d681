#include "clipq/model/clip_model.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

void require_images(const at::Tensor& pixels, const ClipConfig& config) {
  const std::int64_t side = config.image_resolution;
  if (pixels.dim() != 4 || pixels.size(1) != 3 || pixels.size(2) != side ||
      pixels.size(3) != side) {
    throw InputError(cat("encode_image: got shape ", pixels.sizes(), ", expected [n, 3, ", side,
                         ", ", side, "]"));
  }
}

}  // namespace

at::Tensor ClipModel::encode_image(const at::Tensor& pixels) const {
  require_images(pixels, config);
  return visual.encode(pixels, config);
}

at::Tensor ClipModel::pool_image(const at::Tensor& pixels) const {
  require_images(pixels, config);
  return visual.pool(pixels, config);
}

at::Tensor ClipModel::encode_text(const at::Tensor& tokens) const {
  if (tokens.dim() != 2 || tokens.size(1) < 1 || tokens.size(1) > config.context_length) {
    throw InputError(cat("encode_text: got shape ", tokens.sizes(), ", expected [n, 1 to ",
                         config.context_length, "]"));
  }
  if (tokens.numel() > 0 && (tokens.min().item<std::int64_t>() < 0 ||
                             tokens.max().item<std::int64_t>() >= config.vocab_size)) {
    throw InputError(cat("encode_text: token ids up to ", tokens.max().item<std::int64_t>(),
                         ", but the model's vocabulary has ", config.vocab_size,
                         " entries; give the model's own merges with --bpe"));
  }
  return text.encode(tokens, config);
}

at::Tensor normalize_rows(const at::Tensor& x) {
  return x.div(x.norm(2, -1, /*keepdim=*/true).clamp_min_(1e-12));
}

at::Tensor row_cosines(const at::Tensor& a, const at::Tensor& b) {
  return normalize_rows(a.to(at::kDouble)).mul(normalize_rows(b.to(at::kDouble))).sum(-1);
}

}  // namespace clipq
