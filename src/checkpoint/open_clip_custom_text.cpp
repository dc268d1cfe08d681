#include "open_clip_custom_text.h"

#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/parts.h"
#include "openai_clip.h"

namespace clipq {

namespace {

constexpr std::string_view kText = "text.";

}  // namespace

std::string original_open_clip_custom_text(const std::string& canonical) {
  const bool is_text = tower_of(canonical) == Tower::kText && canonical != "logit_scale";
  return is_text ? cat(kText, canonical) : canonical;
}

StateDict canonical_open_clip_custom_text(StateDict state, const std::string& where) {
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
  return canonical_openai_clip(std::move(canonical), where);
}

}  // namespace clipq
