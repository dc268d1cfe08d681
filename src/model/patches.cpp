#include "clipq/model/patches.h"

#include <cmath>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "infer_transformer.h"

namespace clipq {

at::Tensor patchify(const at::Tensor& pixels, std::int64_t patch) {
  const std::int64_t batch = pixels.size(0);
  const std::int64_t grid = pixels.size(2) / patch;
  return pixels.narrow(2, 0, grid * patch)
      .narrow(3, 0, grid * patch)
      .reshape({batch, kImageChannels, grid, patch, grid, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({batch, grid * grid, kImageChannels * patch * patch});
}

void add_patches(ModelParts& parts, const PartPlace& tower, const ImageTowerConfig& config,
                 std::shared_ptr<const Linear>& patches) {
  const std::int64_t patch = config.patch_size;
  PartPlace place = tower.of("conv1");
  place.rows = config.patches();
  parts.linears.push_back(
      {place,
       &patches,
       config.width,
       kImageChannels * patch * patch,
       {place.name + ".weight", {config.width, kImageChannels, patch, patch}, false, ""}});
}

void infer_patches(ImageTowerConfig& config, const StateDict& state, std::int64_t other_tokens,
                   const std::string& where) {
  config.patch_size = find_tensor(state, "visual.conv1.weight", 4, where).size(3);
  if (config.patch_size < 1) {
    throw InputError(cat(where, ": visual.conv1.weight is of patches without pixels"));
  }
  const at::Tensor& positions = find_tensor(state, "visual.positional_embedding", 2, where);
  const std::int64_t patches = positions.size(0) - other_tokens;
  if (patches < 1) {
    throw InputError(cat(where, ": visual.positional_embedding has ", positions.size(0),
                         " rows, expected those of ",
                         other_tokens > 0 ? "a class token and of " : "", "patches"));
  }
  const auto grid = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(patches))));
  config.resolution = grid * config.patch_size;
}

}  // namespace clipq
