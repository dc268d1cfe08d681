#pragma once

#include <string>

#include "clipq/model/clip_model.h"
#include "clipq/checkpoint/torchscript_archive.h"

namespace clipq {

/// The smallest cosine between our embeddings and those of the archive's own code.
struct Parity {
  double image = 0;
  double text = 0;

  double worst() const { return image < text ? image : text; }
};

/// The embeddings that an archive's own code gives for a few fixed random images and texts.
struct ReferenceEmbeddings {
  at::Tensor pixels;
  at::Tensor tokens;
  at::Tensor image;
  at::Tensor text;
};

/// Models whose embeddings are further from the archive's own than this cosine are refused; those
/// further than rounding explains, as with a GELU of another kind, are warned of.
inline constexpr double kParityThreshold = 0.9999;
inline constexpr double kParityOfRounding = 0.999999;

/// Runs the archive (prepared) on fixed random inputs that fit `config`. Throws InputError with
/// Torch's reason if the archive's code doesn't run here.
ReferenceEmbeddings reference_embeddings(const TorchScriptArchive& archive,
                                         const ClipConfig& config);

/// Compares a model with its archive.
Parity check_parity(const ClipModel& model, const ReferenceEmbeddings& reference);

/// Throws InputError that names tower and cosine if the parity is below the threshold; warns if it
/// is below what rounding explains.
void require_parity(const Parity& parity, Activation activation, const std::string& where);

}  // namespace clipq
