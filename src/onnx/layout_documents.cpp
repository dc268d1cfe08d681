#include "layout_documents.h"

#include <functional>

#include "clipq/checkpoint/write_hugging_face.h"
#include "clipq/checkpoint/write_open_clip.h"
#include "clipq/checkpoint/write_tokenizer.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {
namespace {

class DocumentWriter {
 public:
  DocumentWriter(const ClipModel& model, const Tokenizer& tokenizer)
      : model_(model), tokenizer_(tokenizer) {}

  LayoutDocuments take() { return std::move(out_); }

  void add_plain() {
    or_note("tokenizer.json", [this] { add_tokenizer("", padded_with_end()); });
    or_note("preprocessor_config.json", [this] { add_preprocessor(); });
  }

  void add_transformers_js() {
    const TokenFrame* frame = model_.text ? &tokenizer_.frame() : nullptr;
    add("config.json", hugging_face_config(model_.config(), frame));
    add_tokenizer("", padded_with_end());
    add_preprocessor();
  }

  void add_immich() {
    add("config.json", open_clip_config(model_.config()));
    if (model_.image) add("visual/preprocess_cfg.json", immich_preprocess(model_.preprocess));
    if (!model_.text) return;
    if (tokenizer_.frame().pads_left) {
      throw UsageError(
          "Immich pads texts on the right, the model wants them padded on the left; choose another "
          "layout");
    }
    add_tokenizer("textual/", tokenizer_);
  }

 private:
  void add(const std::string& file, const WrittenDocument& document) {
    out_.files[file] = json_text(document.json);
    note(file, document.inexpressible);
  }

  void note(const std::string& file, const std::vector<std::string>& inexpressible) {
    for (const std::string& each : inexpressible)
      out_.notes.push_back(cat(file, " can't express ", each));
  }

  void or_note(const std::string& file, const std::function<void()>& write) {
    try {
      write();
    } catch (const UsageError& failure) {
      out_.notes.push_back(cat(file, " isn't written: ", failure.what()));
    }
  }

  void add_preprocessor() {
    if (!model_.image) return;
    add("preprocessor_config.json", hugging_face_preprocessor(model_.preprocess));
  }

  void add_tokenizer(const std::string& folder, const Tokenizer& tokenizer) {
    if (!model_.text) return;
    TokenizerFiles files = write_tokenizer(tokenizer, model_.text->config().context_length);
    out_.files[folder + "tokenizer.json"] = std::move(files.tokenizer);
    out_.files[folder + "tokenizer_config.json"] = std::move(files.config);
    note(folder + "tokenizer.json", files.inexpressible);
  }

  /// As Hugging Face's CLIPs are: its libraries take the token that pads for itself wherever it is
  /// in a text, and OpenAI's is "!". What is behind the first end changes no embedding.
  Tokenizer padded_with_end() const {
    const TextTowerConfig* config = model_.text ? &model_.text->config() : nullptr;
    const std::optional<std::int32_t> end = tokenizer_.frame().end;
    if (config == nullptr || !config->causal || config->pooling == TextPooling::kLast || !end) {
      return tokenizer_;
    }
    TokenizerSource source = tokenizer_.source();
    source.settings.frame.pad = *end;
    return {source, "the tokenizer"};
  }

  const ClipModel& model_;
  const Tokenizer& tokenizer_;
  LayoutDocuments out_;
};

}  // namespace

LayoutDocuments layout_documents(const ClipModel& model, const Tokenizer& tokenizer,
                                 ExportLayout layout) {
  DocumentWriter writer(model, tokenizer);
  switch (layout) {
    case ExportLayout::kPlain:
      writer.add_plain();
      break;
    case ExportLayout::kImmich:
      writer.add_immich();
      break;
    case ExportLayout::kTransformersJs:
      writer.add_transformers_js();
      break;
  }
  return writer.take();
}

}  // namespace clipq
