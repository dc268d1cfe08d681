#include "infer_transformer.h"

#include <algorithm>
#include <set>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/transformer.h"

namespace clipq {
namespace {

constexpr std::int64_t kHeadWidth = 64;
constexpr std::int64_t kUsualMlpRatio = 4;

}  // namespace

std::int64_t count_blocks(const StateDict& state, const std::string& prefix) {
  std::set<std::string> indices;
  for (auto at = state.lower_bound(prefix); at != state.end() && at->first.starts_with(prefix);
       ++at) {
    const std::string rest = at->first.substr(prefix.size());
    indices.insert(rest.substr(0, rest.find('.')));
  }
  return static_cast<std::int64_t>(indices.size());
}

std::int64_t heads_of(std::int64_t width) { return std::max<std::int64_t>(1, width / kHeadWidth); }

const at::Tensor& find_tensor(const StateDict& state, const std::string& name,
                              std::int64_t dimensions, const std::string& where) {
  const auto found = state.find(name);
  if (found == state.end()) {
    throw TensorNamesError(
        cat(where, ": not a CLIP with OpenAI's names: \"", name, "\" is missing (", state.size(),
            " tensors", state.empty() ? "" : cat(", the first is \"", state.begin()->first, "\""),
            "); expected a CLIP whose image tower is a ViT or a ResNet"),
        {name}, {});
  }
  if (found->second.dim() != dimensions) {
    throw InputError(
        cat(where, ": ", name, " has ", found->second.dim(), " dimensions, expected ", dimensions));
  }
  return found->second;
}

void infer_transformer(TowerConfig& config, std::int64_t width, const StateDict& state,
                       const std::string& name) {
  const std::string first = block_name(name, 0);
  config.width = width;
  config.layers = count_blocks(state, first.substr(0, first.rfind('.') + 1));
  const auto hidden = state.find(BlockNames(first).mlp_hidden + ".bias");
  config.mlp_width = hidden != state.end() && hidden->second.dim() == 1 ? hidden->second.size(0)
                                                                        : kUsualMlpRatio * width;
  config.settings.heads = heads_of(width);
}

}  // namespace clipq
