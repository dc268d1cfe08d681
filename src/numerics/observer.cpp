#include "clipq/numerics/observer.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

const ObserverInfo& find_observer(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const ObserverInfo& info : observers()) {
    if (name == info.name) return info;
    names.emplace_back(info.name);
  }
  throw UsageError(cat(where, ": unknown observer \"", name, "\"", suggestion(name, names)));
}

}  // namespace

const std::vector<ObserverInfo>& observers() {
  static const std::vector<ObserverInfo> table = {
      {"max", "the smallest and largest finite value seen", make_max_observer},
  };
  return table;
}

std::unique_ptr<Observer> make_observer(const std::string& name) {
  return find_observer(name, "observer").make();
}

void require_observer(const std::string& name, const std::string& where) {
  find_observer(name, where);
}

}  // namespace clipq
