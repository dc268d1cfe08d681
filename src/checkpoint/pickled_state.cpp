#include "pickled_state.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "dialect_prefix.h"
#include "walk_bounds.h"

namespace clipq {
namespace {

using Kind = PickleValue::Kind;

/// Where a pickled module keeps its tensors and modules; paths don't name them.
const std::set<std::string, std::less<>> kModuleFields = {"_parameters", "_buffers", "_modules"};

/// Finds the tensors in dicts and modules.
class TensorWalk {
 public:
  explicit TensorWalk(const std::string& where)
      : bounds_(cat(where, ": nested without end; copy or save the file again")) {}

  std::map<std::string, const PickleValue*> found;

  void visit(const PickleValue& value, const std::string& path, int depth) {
    bounds_.count(path, depth);
    if (PickledTensors::is_tensor(value)) {
      found[path] = &value;
    } else if (value.kind == Kind::kMapping) {
      visit_items(value, path, depth);
    } else if (value.kind == Kind::kObject && value.state != nullptr &&
               value.state->kind == Kind::kMapping) {
      visit_items(*value.state, path, depth);
    }
  }

 private:
  void visit_items(const PickleValue& mapping, const std::string& path, int depth) {
    for (std::size_t i = 0; i + 1 < mapping.items.size(); i += 2) {
      if (mapping.items[i]->kind != Kind::kText) continue;
      const std::string& key = mapping.items[i]->text;
      const bool transparent = kModuleFields.count(key) > 0;
      visit(*mapping.items[i + 1],
            transparent    ? path
            : path.empty() ? key
                           : cat(path, ".", key),
            depth + 1);
    }
  }

  WalkBounds bounds_;
};

}  // namespace

StateDict read_pickled_state(const PickleValue& root, PickledTensors& tensors,
                             const std::string& where) {
  TensorWalk walk(where);
  walk.visit(root, "", 0);
  std::vector<std::string> names;
  for (const auto& [name, value] : walk.found) names.push_back(name);
  // An optimizer's tensors are twice the model's.
  const std::string prefix = dialect_prefix(names, where);
  warn_of_unused(names, prefix, where);
  StateDict state;
  for (const auto& [name, value] : walk.found) {
    if (name.starts_with(prefix)) state[name] = tensors.make(*value, name);
  }
  if (state.empty()) {
    throw InputError(cat(where,
                         ": holds no tensors by name; expected a state dict, as "
                         "torch.save(model.state_dict(), …) writes it"));
  }
  return state;
}

}  // namespace clipq
