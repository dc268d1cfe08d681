#pragma once

#include <filesystem>

#include "clipq/model/clip_model.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// Sample inputs of a model and its own embeddings of them; those of a tower that it lacks are
/// undefined.
struct ExportSamples {
  at::Tensor pixels;   ///< float32 [n, 3, R, R], preprocessed
  at::Tensor tokens;   ///< int64 [n, context]
  at::Tensor lengths;  ///< int64 [n]: first tokens that the embeddings depend on
  at::Tensor image;    ///< float32 [n, embed_dim]
  at::Tensor text;     ///< likewise
};

/// Of drawn pictures and sentences, the shortest of one word and the longest filling the context.
/// @param normalize whether embeddings are scaled to length 1
ExportSamples make_samples(const ClipModel& model, const Tokenizer& tokenizer, bool normalize);

/// The least cosine of the model's embeddings with its own when its positions, or the biases of its
/// convolutions, are changed by as much as the rounding of a float32 product: how far runtimes may
/// be apart that both compute it correctly. Rounding may take a value to another code, and what
/// follows amplifies that.
double cosine_after_rounding(const ClipModel& model, const ExportSamples& samples);

/// Whether ONNX Runtime and OpenVINO quantize the layer's input to 8 bits by themselves, by blocks:
/// its weight alone is quantized, or has 4 bits or groups.
bool runtimes_quantize_input(const LinearContents& contents);

/// The least cosine of the model's embeddings with its own when the layers of
/// runtimes_quantize_input() quantize their inputs to 8 bits per row, or no longer do where they
/// did: about what a quantization by blocks costs this model.
double cosine_with_other_inputs(const ClipModel& model, const ExportSamples& samples);

/// As pixel_values.npy, input_ids.npy, lengths.npy, image_embeds.npy and text_embeds.npy.
void write_samples(const ExportSamples& samples, const std::filesystem::path& folder);

}  // namespace clipq
