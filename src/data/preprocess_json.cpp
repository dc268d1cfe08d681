#include "clipq/data/preprocess_json.h"

#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/find_named.h"

namespace clipq {
namespace {

constexpr const char* kBicubic = "bicubic";

struct CropOffsetRow {
  const char* name;
  CropOffset offset;
};

const std::vector<CropOffsetRow>& crop_offset_rows() {
  static const std::vector<CropOffsetRow> rows = {{"half_to_even", CropOffset::kHalfToEven},
                                                  {"floor", CropOffset::kFloor}};
  return rows;
}

const char* name_of(CropOffset offset) {
  for (const CropOffsetRow& row : crop_offset_rows()) {
    if (row.offset == offset) return row.name;
  }
  throw InternalError("a crop offset without a name");
}

}  // namespace

Json to_json(const Preprocess& preprocess) {
  return {{"size", preprocess.size},
          {"mean", preprocess.mean},
          {"std", preprocess.std},
          {"crop_offset", name_of(preprocess.crop_offset)},
          {"interpolation", kBicubic}};
}

Preprocess preprocess_from_json(const Json& json, const std::string& where) {
  Preprocess preprocess;
  preprocess.size = json_value(json, "size", preprocess.size, where);
  preprocess.mean = json_value(json, "mean", preprocess.mean, where);
  preprocess.std = json_value(json, "std", preprocess.std, where);
  const auto offset = json_value<std::string>(json, "crop_offset", "half_to_even", where);
  preprocess.crop_offset = find_named(crop_offset_rows(), offset, "crop_offset", where).offset;
  const auto interpolation = json_value<std::string>(json, "interpolation", kBicubic, where);
  if (interpolation != kBicubic) {
    throw UsageError(
        cat(where, ": unknown interpolation \"", interpolation, "\"; known: ", kBicubic));
  }
  return preprocess;
}

}  // namespace clipq
