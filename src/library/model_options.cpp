#include "model_options.h"

#include "clipq/checkpoint/checkpoint_document.h"
#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

std::optional<Activation> activation_of(const std::string& name, const char* where) {
  if (name.empty()) return std::nullopt;
  return parse_activation(name, where);
}

std::optional<std::int64_t> heads_of(std::optional<std::int64_t> heads, const char* where) {
  if (heads && *heads < 1) throw UsageError(cat(where, ": got ", *heads, ", expected at least 1"));
  return heads;
}

Json document_of(const std::string& text) {
  const char* where = "checkpoint";
  try {
    Json document = parse_json(text, where);
    require_valid_document(document, where);
    return document;
  } catch (const InputError& failure) {
    throw UsageError(failure.what());
  }
}

}  // namespace

ModelOptions model_options(const EmbedderOptions& options) {
  ModelOptions out;
  SettingChoices& settings = out.checkpoint.settings;
  settings.heads = {heads_of(options.image_heads, "image_heads"),
                    heads_of(options.text_heads, "text_heads")};
  settings.activation = {activation_of(options.image_activation, "image_activation"),
                         activation_of(options.text_activation, "text_activation")};
  if (!options.checkpoint.empty()) {
    out.checkpoint.document = document_of(options.checkpoint);
  }
  out.checkpoint.parity = options.parity;
  out.bpe = options.bpe;
  out.simulate = options.simulate;
  return out;
}

}  // namespace clipq
