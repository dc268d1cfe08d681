#include "torch_export.h"

#include <array>
#include <utility>
#include <vector>

#include "clipq/core/bounded_json.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "stored_tensors.h"
#include "torch_zip.h"

namespace clipq {
namespace {

constexpr const char* kProgram = "models/model.json";
constexpr const char* kWeights = "data/weights/";
constexpr const char* kWeightsConfig = "data/weights/model_weights_config.json";
constexpr std::uint64_t kLongestConfig = 16U << 20;
constexpr std::int64_t kStrided = 7;  ///< of torch._export.serde.schema.Layout

/// torch._export.serde.schema.ScalarType, whose numbers aren't c10's.
struct ExportedType {
  std::int64_t number;
  at::ScalarType type;
};

constexpr std::array<ExportedType, 12> kTypes = {{{1, at::kByte},
                                                  {2, at::kChar},
                                                  {3, at::kShort},
                                                  {4, at::kInt},
                                                  {5, at::kLong},
                                                  {6, at::kHalf},
                                                  {7, at::kFloat},
                                                  {8, at::kDouble},
                                                  {12, at::kBool},
                                                  {13, at::kBFloat16},
                                                  {29, at::kFloat8_e4m3fn},
                                                  {30, at::kFloat8_e5m2}}};

/// object[key], or null.
Json member(const Json& object, const char* key) {
  return object.is_object() ? object.value(key, Json()) : Json();
}

/// The description of one weight.
class ExportedWeight {
 public:
  ExportedWeight(const Json& entry, std::string where)
      : entry_(entry), meta_(member(entry, "tensor_meta")), where_(std::move(where)) {}

  StoredTensor read() const {
    if (member(entry_, "use_pickle") == true) {
      fail("is pickled, as subclasses of Tensor are; save the model's state dict as safetensors");
    }
    const Json storage = member(entry_, "path_name");
    if (!storage.is_string() || number(member(meta_, "layout")) != kStrided) {
      fail("isn't a dense tensor; save the model's state dict as safetensors");
    }
    return {storage.get<std::string>(),
            type(),
            std::nullopt,
            dimension(member(meta_, "storage_offset")),
            dimensions("sizes"),
            dimensions("strides")};
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw InputError(cat(where_, " ", reason));
  }

  std::int64_t number(const Json& json) const {
    const auto whole = whole_number(json);
    if (!whole) fail("has a description that is damaged; copy or export the file again");
    return *whole;
  }

  /// A size may be an expression instead, which no weight's is.
  std::int64_t dimension(const Json& json) const { return number(member(json, "as_int")); }

  std::vector<std::int64_t> dimensions(const char* key) const {
    const Json list = member(meta_, key);
    std::vector<std::int64_t> out;
    if (!list.is_array()) fail("has a description that is damaged; copy or export the file again");
    for (const Json& each : list) out.push_back(dimension(each));
    return out;
  }

  at::ScalarType type() const {
    const std::int64_t wanted = number(member(meta_, "dtype"));
    for (const ExportedType& each : kTypes) {
      if (each.number == wanted) return each.type;
    }
    fail(cat("is of type ", wanted, " of torch.export, which has no place in a CLIP"));
  }

  const Json& entry_;
  Json meta_;
  std::string where_;
};

Json read_config(const ZipArchive& zip, const std::string& folder, const std::string& where) {
  const std::string record = folder + kWeightsConfig;
  if (zip.size(record) > kLongestConfig) {
    throw InputError(
        cat(where, ": ", kWeightsConfig, " has more than ", kLongestConfig >> 20, " MiB"));
  }
  const std::string place = cat(where, ": ", kWeightsConfig);
  Json config = member(parse_bounded_json(zip.read(record), place), "config");
  if (!config.is_object()) throw InputError(cat(place, ": it has no \"config\""));
  return config;
}

}  // namespace

bool is_torch_export(const ZipArchive& zip) {
  return zip.contains(top_folder(zip) + kProgram) ||
         zip.contains("serialized_exported_program.json");
}

CheckpointContents read_torch_export(const std::filesystem::path& file) {
  const std::string where = file.string();
  const ZipArchive zip(file);
  const std::string folder = top_folder(zip);
  if (!zip.contains(folder + kProgram)) {
    throw InputError(cat(where,
                         ": a program of torch.export from an older PyTorch; save the model's "
                         "state dict as safetensors, or export it again with a newer one"));
  }
  require_little_endian(zip, folder, where);
  CheckpointContents contents;
  contents.container = "torch.export program";
  for (const std::string& name : extra_document_names()) {
    if (auto text = extra_file(zip, folder, name)) contents.documents[name] = std::move(*text);
  }
  const ZipStorages storages(zip, folder + kWeights);
  StoredTensors tensors(storages, where);
  const Json config = read_config(zip, folder, where);
  for (const auto& [name, entry] : config.items()) {
    const StoredTensor stored = ExportedWeight(entry, cat(where, ": tensor \"", name, "\"")).read();
    contents.tensors[name] = tensors.make(stored, name);
  }
  zip.check_unread();
  return contents;
}

}  // namespace clipq
