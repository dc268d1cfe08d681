#include "open_clip_custom_text.h"

#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "openai_clip.h"

namespace clipq {

StateDict canonical_open_clip_custom_text(StateDict state, const std::string& where) {
  constexpr std::string_view kText = "text.";
  if (state.count("text.text_projection.bias") > 0) {
    throw InputError(cat(where,
                         ": its text projection has a bias, as SigLIP's has; clipq doesn't support "
                         "such models"));
  }
  StateDict canonical;
  for (auto& [name, tensor] : state) {
    const bool is_text = name.starts_with(kText);
    const std::string target = is_text ? name.substr(kText.size()) : name;
    if (!canonical.emplace(target, std::move(tensor)).second) {
      throw InputError(cat(where, ": both \"", target, "\" and \"text.", target, "\" are there"));
    }
  }
  return canonical_openai_clip(std::move(canonical), where);
}

}  // namespace clipq
