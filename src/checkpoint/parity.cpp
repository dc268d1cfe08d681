#include "clipq/checkpoint/parity.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/model/tower.h"

namespace clipq {
namespace {

constexpr std::uint64_t kSeed = 20210226;
constexpr std::int64_t kBatch = 2;

/// Texts of different lengths: start, random ids, end (the largest id), padding.
at::Tensor random_tokens(const ClipConfig& config, const at::Generator& generator) {
  at::Tensor tokens = at::randint(1, config.vocab_size - 2, {kBatch, config.context_length},
                                  generator, at::TensorOptions(at::kLong));
  for (std::int64_t i = 0; i < kBatch; ++i) {
    const std::int64_t end = (i + 1) * (config.context_length - 1) / kBatch;
    tokens[i][0] = config.vocab_size - 2;
    tokens[i][end] = config.vocab_size - 1;
    tokens[i].narrow(0, end + 1, config.context_length - end - 1).zero_();
  }
  return tokens;
}

void require_tower_parity(double cosine, Tower tower, Activation activation,
                          const std::string& where) {
  if (cosine >= kParityOfRounding) return;
  const std::string found = cat(where, ": the ", name_of(tower),
                                " tower's embeddings differ from the archive's own: ", "cosine ",
                                fixed(cosine, 6), " (activation ", name_of(activation), ")");
  if (cosine >= kParityThreshold) {
    log::warn(found + ", more than rounding explains; is the activation right?");
    return;
  }
  throw InputError(cat(found, ", expected at least ", kParityThreshold,
                       "; its architecture isn't the CLIP that its names say, or --activation is ",
                       "wrong"));
}

}  // namespace

ReferenceEmbeddings reference_embeddings(const TorchScriptArchive& archive,
                                         const ClipConfig& config) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
  const std::int64_t side = config.image_resolution;
  ReferenceEmbeddings reference;
  reference.pixels = at::randn({kBatch, 3, side, side}, generator, at::TensorOptions(at::kFloat));
  reference.tokens = random_tokens(config, generator);
  reference.image = archive.encode_image(reference.pixels);
  reference.text = archive.encode_text(reference.tokens);
  return reference;
}

Parity check_parity(const ClipModel& model, const ReferenceEmbeddings& reference) {
  const auto smallest = [](const at::Tensor& ours, const at::Tensor& theirs) {
    return ours.sizes() == theirs.sizes() ? row_cosines(ours, theirs).min().item<double>() : -1.0;
  };
  return {smallest(model.encode_image(reference.pixels), reference.image),
          smallest(model.encode_text(reference.tokens), reference.text)};
}

void require_parity(const Parity& parity, Activation activation, const std::string& where) {
  require_tower_parity(parity.image, Tower::kVisual, activation, where);
  require_tower_parity(parity.text, Tower::kText, activation, where);
}

}  // namespace clipq
