#include "clipq/data/preprocess_json.h"

#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/find_named.h"

namespace clipq {
namespace {

template <typename T>
struct Named {
  const char* name;
  T value;
};

/// The first is what an absent key means.
const std::vector<Named<CropOffset>> kCropOffsets = {{"half_to_even", CropOffset::kHalfToEven},
                                                     {"floor", CropOffset::kFloor}};
const std::vector<Named<ResizeMode>> kResizeModes = {{"shortest", ResizeMode::kShortest},
                                                     {"squash", ResizeMode::kSquash},
                                                     {"longest", ResizeMode::kLongest}};
const std::vector<Named<Interpolation>> kInterpolations = {{"bicubic", Interpolation::kBicubic},
                                                           {"bilinear", Interpolation::kBilinear}};

template <typename T>
const char* name_in(const std::vector<Named<T>>& all, T value) {
  for (const Named<T>& each : all) {
    if (each.value == value) return each.name;
  }
  throw InternalError("a setting of preprocessing without a name");
}

template <typename T>
T read_named(const std::vector<Named<T>>& all, const Json& json, const char* key,
             const std::string& where) {
  const auto name = json_value<std::string>(json, key, all.front().name, where);
  return find_named(all, name, key, where).value;
}

}  // namespace

Json to_json(const Preprocess& preprocess) {
  return {{"size", preprocess.size},
          {"mean", preprocess.mean},
          {"std", preprocess.std},
          {"crop_offset", name_in(kCropOffsets, preprocess.crop_offset)},
          {"resize_mode", name_in(kResizeModes, preprocess.resize_mode)},
          {"interpolation", name_in(kInterpolations, preprocess.interpolation)},
          {"fill_color", preprocess.fill_color}};
}

Preprocess preprocess_from_json(const Json& json, const std::string& where) {
  Preprocess preprocess;
  preprocess.size = json_value(json, "size", preprocess.size, where);
  preprocess.mean = json_value(json, "mean", preprocess.mean, where);
  preprocess.std = json_value(json, "std", preprocess.std, where);
  preprocess.crop_offset = read_named(kCropOffsets, json, "crop_offset", where);
  preprocess.resize_mode = read_named(kResizeModes, json, "resize_mode", where);
  preprocess.interpolation = read_named(kInterpolations, json, "interpolation", where);
  preprocess.fill_color = json_value(json, "fill_color", preprocess.fill_color, where);
  return preprocess;
}

}  // namespace clipq
