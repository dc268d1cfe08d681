#pragma once

#include <optional>
#include <string>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/tower.h"

namespace clipq {

/// A choice for each tower; empty: not made.
template <typename T>
struct TowerChoice {
  std::optional<T> vision;
  std::optional<T> text;

  const std::optional<T>& of(Tower tower) const { return tower == Tower::kImage ? vision : text; }
};

/// Replaces what `given` has.
template <typename T>
void overlay(TowerChoice<T>& choice, const TowerChoice<T>& given) {
  if (given.vision) choice.vision = given.vision;
  if (given.text) choice.text = given.text;
}

/// "VALUE", for both towers, or "image=VALUE,text=VALUE", one of which may be absent.
/// @param parse from a text and what names it in messages to T; throws UsageError
/// @param where names the text in messages: "activation"
template <typename T, typename Parse>
TowerChoice<T> parse_tower_choice(const std::string& text, const std::string& where,
                                  const Parse& parse) {
  TowerChoice<T> choice;
  if (text.find('=') == std::string::npos) {
    choice.vision = choice.text = parse(text, where);
    return choice;
  }
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string tower = part.substr(0, equals);
    std::optional<T>* target = tower == "image"  ? &choice.vision
                               : tower == "text" ? &choice.text
                                                 : nullptr;
    if (equals == std::string::npos || target == nullptr || *target) {
      throw UsageError(cat(where, " ", text, ": expected VALUE, or image=VALUE,text=VALUE"));
    }
    *target = parse(part.substr(equals + 1), where);
  }
  return choice;
}

}  // namespace clipq
