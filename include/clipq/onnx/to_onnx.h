#pragma once

#include <map>
#include <string>
#include <vector>

#include "clipq/model/clip_model.h"
#include "clipq/onnx_graph/onnx_graph.h"

namespace clipq {

/// Which runtimes a graph is for.
enum class OnnxTarget {
  kAny,          ///< standard operators only
  kOnnxRuntime,  ///< its own operators where they are faster: MatMulIntegerToFloat, and
                 ///< MatMulNBits for weight-only layers
  kTensorRt  ///< standard operators that TensorRT takes: FP8 with one fixed scale, or weights alone
};

/// "any", "onnxruntime", "tensorrt".
const char* name_of(OnnxTarget target);

/// Throws UsageError with the valid names.
OnnxTarget parse_onnx_target(const std::string& name);

/// What a graph's inputs and outputs are called.
struct OnnxNames {
  std::string pixels = "pixel_values";
  std::string tokens = "input_ids";
  OnnxType token_type = OnnxType::kInt64;  ///< or kInt32
  std::string image = "image_embeds";
  std::string text = "text_embeds";
};

/// How a graph is written.
struct OnnxOptions {
  OnnxTarget target = OnnxTarget::kAny;
  bool normalize = false;          ///< scale embeddings to length 1
  bool per_tensor_ranges = false;  ///< ranges taken at run time span the whole input, in 8 bits,
                                   ///< as ONNX Runtime's fused kernels have them
  OnnxNames names = {};
};

/// Whether a graph with both towers gives logits: SigLIP's have a bias, which a ClipModel hasn't.
bool has_logits(const ClipConfig& config);

/// The towers as one graph that computes what simulate() does, with every quantizer in the form
/// that runtimes have integer or FP8 kernels for. Batch and text length are open. Inputs: pixels
/// float32 [batch, 3, R, R], tokens [batch, length]; outputs float32 [batch, embed_dim] each. With
/// both towers, if it has_logits(), also logits_per_image and logits_per_text. The lowest opset
/// that has all of it: 17, 19 for FP8, 21 for 4-bit or grouped weights. Throws UsageError that
/// names the layer and a recipe that fits if the target can't take it.
/// @param towers that the model has
OnnxModel to_onnx(const ClipModel& model, const std::vector<Tower>& towers,
                  const OnnxOptions& options);

}  // namespace clipq
