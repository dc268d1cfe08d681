#include "open_clip_custom_text.h"

#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "openai_clip.h"
#include "renaming.h"

namespace clipq {

StateDict canonical_open_clip_custom_text(StateDict state, const std::string& where) {
  constexpr std::string_view kText = "text.";
  constexpr const char* kLayer = "text_projection.weight";
  StateDict canonical;
  while (!state.empty()) {
    auto node = state.extract(state.begin());
    if (node.key().starts_with(kText)) node.key().erase(0, kText.size());
    const auto inserted = canonical.insert(std::move(node));
    if (!inserted.inserted) {
      const std::string& name = inserted.position->first;
      throw InputError(cat(where, ": both \"", name, "\" and \"text.", name, "\" are there"));
    }
  }
  // A layer of its own, unlike the parameter, is stored as [out, in].
  if (canonical.count(kLayer) > 0) {
    const at::Tensor weight = take_tensor(canonical, kLayer, where);
    canonical["text_projection"] = weight.dim() == 2 ? weight.t() : weight;
  }
  return canonical_openai_clip(std::move(canonical), where);
}

}  // namespace clipq
