#include "model_options.h"

#include "clipq/core/error.h"
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

}  // namespace

ModelOptions model_options(const EmbedderOptions& options) {
  ModelOptions out;
  SettingChoices& settings = out.checkpoint.settings;
  settings.heads = {heads_of(options.image_heads, "image_heads"),
                    heads_of(options.text_heads, "text_heads")};
  settings.activation = {activation_of(options.image_activation, "image_activation"),
                         activation_of(options.text_activation, "text_activation")};
  out.checkpoint.parity = options.parity;
  out.bpe = options.bpe;
  out.simulate = options.simulate;
  return out;
}

}  // namespace clipq
