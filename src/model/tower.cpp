#include "clipq/model/tower.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

const char* name_of(Tower tower) { return tower == Tower::kImage ? "image" : "text"; }

const char* name_of(Component component) {
  switch (component) {
    case Component::kImage:
      return name_of(Tower::kImage);
    case Component::kText:
      return name_of(Tower::kText);
    case Component::kBoth:
      return "both";
  }
  throw InternalError("a component without a name");
}

Component parse_component(const std::string& name) {
  for (const Component component : {Component::kImage, Component::kText, Component::kBoth}) {
    if (name == name_of(component)) return component;
  }
  throw UsageError(cat("unknown component \"", name, "\"; expected image, text or both"));
}

bool includes(Component component, Tower tower) {
  return component == Component::kBoth ||
         (component == Component::kImage) == (tower == Tower::kImage);
}

}  // namespace clipq
