#include "open_clip_custom_text.h"

#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "openai_clip.h"

namespace clipq {

StateDict canonical_open_clip_custom_text(StateDict state, const std::string& where) {
  constexpr std::string_view kText = "text.";
  StateDict canonical;
  for (auto& [name, tensor] : state) {
    const bool is_text = name.starts_with(kText);
    const std::string target = is_text ? name.substr(kText.size()) : name;
    if (!canonical.emplace(target, std::move(tensor)).second) {
      throw InputError(cat(where, ": both \"", target, "\" and \"text.", target, "\" are there"));
    }
  }
  // A layer of its own, unlike the parameter, is stored as [out, in].
  if (const auto layer = canonical.find("text_projection.weight"); layer != canonical.end()) {
    const at::Tensor weight = layer->second;
    canonical.erase(layer);
    canonical["text_projection"] = weight.dim() == 2 ? weight.t() : weight;
  }
  return canonical_openai_clip(std::move(canonical), where);
}

}  // namespace clipq
