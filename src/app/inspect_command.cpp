#include "clipq/app/inspect_command.h"

#include "clipq/core/strings.h"
#include "clipq/quant/summary.h"

namespace clipq {
namespace {

std::string config_lines(const ClipConfig& config) {
  return cat(
      "image tower: ViT, ", config.image_resolution, " pixels, patch ", config.vision_patch_size,
      ", width ", config.vision_width, ", ", config.vision_layers, " layers, ", config.vision_heads,
      " heads\ntext tower: context ", config.context_length, ", vocabulary ", config.vocab_size,
      ", width ", config.text_width, ", ", config.text_layers, " layers, ", config.text_heads,
      " heads\nembedding: ", config.embed_dim, "; activation ", name_of(config.activation), "\n");
}

void describe_checkpoint(const OpenedModel& opened, Inspection& out) {
  const Checkpoint& checkpoint = *opened.checkpoint;
  out.text += cat("activation from: ", checkpoint.activation_source,
                  "\nweights in float32: ", mebibytes(checkpoint.float32_bytes), "\n");
  out.json["activation_source"] = checkpoint.activation_source;
  out.json["float32_bytes"] = checkpoint.float32_bytes;
  if (checkpoint.parity) {
    out.text +=
        cat("parity with the archive's own code: cosine ", fixed(checkpoint.parity->image, 7),
            " (image), ", fixed(checkpoint.parity->text, 7), " (text)\n");
    out.json["parity"] = {{"image", checkpoint.parity->image}, {"text", checkpoint.parity->text}};
  } else {
    out.text += cat("parity not checked: ", checkpoint.parity_skipped, "\n");
  }
}

void describe_artifact(OpenedModel& opened, Inspection& out) {
  const Quantization& quantization = *opened.quantization;
  out.text +=
      cat("quantized from: ", opened.source.file, " (SHA-256 ", opened.source.sha256,
          ")\nrecipe: ", quantization.recipe_name, ", component ", quantization.component, "\n");
  if (!quantization.calibration.is_null()) {
    out.text += cat("calibration: ", quantization.calibration.dump(), "\n");
  }
  out.text += quantizer_lines(quantization) + coverage_lines(opened.model, quantization);
  const Manifest manifest = {opened.model.config, opened.model.preprocess, quantization,
                             opened.source};
  out.json["manifest"] = to_json(manifest);
}

}  // namespace

Inspection inspect(const std::filesystem::path& file, const ModelOptions& options) {
  OpenedModel opened = open_model(file, options);
  Inspection out;
  out.text = cat(file.string(), ": ", opened.quantization ? "clipq artifact" : "CLIP checkpoint",
                 ", ", mebibytes(opened.info.size_bytes), "\n", config_lines(opened.model.config),
                 "tokenizer: ", opened.bpe_vocab ? "the model's own" : "standard", ", ",
                 opened.tokenizer.vocabulary_size(), " entries\n");
  out.json = {{"path", file.string()},
              {"kind", opened.quantization ? "artifact" : "checkpoint"},
              {"sha256", opened.info.sha256},
              {"size_bytes", opened.info.size_bytes},
              {"config", to_json(opened.model.config)}};
  if (opened.checkpoint) describe_checkpoint(opened, out);
  if (opened.quantization) describe_artifact(opened, out);
  return out;
}

}  // namespace clipq
