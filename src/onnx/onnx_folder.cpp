#include "clipq/onnx/onnx_folder.h"

#include <ATen/ops/scalar_tensor.h>

#include "clipq/artifact/tokenizer_files.h"
#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "clipq/onnx/export_onnx.h"
#include "clipq/onnx/onnx_python.h"
#include "onnx_tower.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr double kMostLogitScale = 1e30;  // a float32

/// Reads the description of a folder and starts its graphs.
class FolderReader {
 public:
  FolderReader(const fs::path& folder, std::string python)
      : folder_(folder),
        python_(std::move(python)),
        where_((folder / kExportDescription).string()),
        json_(read_json(where_)) {
    const auto schema = json_value<std::string>(json_, "schema", "", where_);
    if (schema != kExportSchema) {
      throw InputError(cat(where_, ": schema is \"", schema, "\", expected \"", kExportSchema,
                           "\"; export the model again"));
    }
  }

  OnnxFolder read() {
    OnnxFolder out;
    const ClipConfig config = config_from_json(value("config"), where_);
    if (config.image) {
      out.model.preprocess = preprocess_from_json(value("preprocess"), where_);
      validate(out.model.preprocess, where_);
    }
    const bool whole = !json_value(value("checks"), "items_are_independent", true, where_);
    const Json graphs = json_value(json_, "graphs", Json(Json::array()), where_);
    if (!graphs.is_array()) throw InputError(cat(where_, ": \"graphs\" is no list"));
    for (const Json& graph : graphs) {
      if (!graph.is_object()) throw InputError(cat(where_, ": a graph is no object"));
      start(graph, config, whole, out);
    }
    require_towers(out.model, config);
    if (config.image && config.text) {
      const double scale = json_value(json_, "logit_scale", 1.0, where_);
      if (!(scale > 0 && scale < kMostLogitScale)) {
        throw InputError(
            cat(where_, ": \"logit_scale\" is ", scale, ", expected a positive number"));
      }
      out.model.logit_scale = at::Tensor(at::scalar_tensor(scale, at::kFloat)).log();
    }
    out.tokenizer = read_tokenizer();
    out.recipe = json_value<std::string>(json_, "recipe", "", where_);
    out.source = read_source();
    add_files(out);
    return out;
  }

 private:
  Json value(const char* key) const { return json_value(json_, key, Json(Json::object()), where_); }

  void start(const Json& graph, const ClipConfig& config, bool whole, OnnxFolder& out) {
    const auto file = json_value<std::string>(graph, "file", "", where_);
    const fs::path path(file);
    if (path.is_absolute() || path.lexically_normal().string().starts_with("..")) {
      throw InputError(cat(where_, ": \"file\" is \"", file, "\", which isn't in the folder"));
    }
    files_.push_back(folder_ / path);
    require_file(files_.back(), "graph");
    const Json inputs = json_value(graph, "inputs", Json(Json::object()), where_);
    const Json outputs = json_value(graph, "outputs", Json(Json::object()), where_);
    const bool optimized =
        json_value<std::string>(json_, "target", "", where_) != name_of(OnnxTarget::kTensorRt);
    for (const Tower tower : config.towers()) {
      const auto input = json_value<std::string>(inputs, name_of(tower), "", where_);
      const auto output = json_value<std::string>(outputs, name_of(tower), "", where_);
      if (input.empty()) continue;
      const auto session =
          std::make_shared<OnnxSession>(python_, files_.back(), input, output, optimized);
      out.runtime = cat("ONNX Runtime ", session->version());
      if (tower == Tower::kImage) {
        out.model.image = std::make_unique<OnnxImageTower>(*config.image, session, whole);
      } else {
        out.model.text = std::make_unique<OnnxTextTower>(*config.text, session, whole);
      }
    }
  }

  void require_towers(const ClipModel& model, const ClipConfig& config) const {
    for (const Tower tower : config.towers()) {
      if (model.has(tower)) continue;
      throw InputError(
          cat(where_, ": no graph has the ", name_of(tower), " tower; export the model again"));
    }
  }

  std::optional<Tokenizer> read_tokenizer() const {
    Documents documents;
    for (const auto& entry : fs::directory_iterator(folder_ / "clipq")) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() != ".npy") documents[name] = read_file(entry.path());
    }
    return tokenizer_of(documents, folder_.string());
  }

  Source read_source() const {
    const Json source = value("source");
    return {json_value<std::string>(source, "file", "", where_),
            json_value<std::string>(source, "sha256", "", where_),
            json_value<std::int64_t>(source, "size_bytes", 0, where_),
            json_value<std::int64_t>(source, "float32_bytes", 0, where_),
            json_value<std::string>(source, "unchecked", "", where_)};
  }

  void add_files(OnnxFolder& out) {
    for (const fs::path& graph : std::vector<fs::path>(files_)) {
      const fs::path data = graph.string() + kExternalDataEnding;
      if (fs::exists(data)) files_.push_back(data);
    }
    out.size_bytes = total_bytes(files_);
    out.sha256 = sha256_of(files_);
  }

  fs::path folder_;
  std::string python_;
  std::string where_;
  Json json_;
  std::vector<fs::path> files_;
};

}  // namespace

bool is_onnx_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / kExportDescription, ignored);
}

void require_no_onnx_folder(const fs::path& path) {
  if (!is_onnx_folder(path)) return;
  throw InputError(cat(path.string(),
                       " is an export, which can only embed; pass the checkpoint or ",
                       "artifact that it was exported from"));
}

OnnxFolder open_onnx_folder(const fs::path& folder) {
  const std::optional<std::string> python = find_onnx_python();
  if (!python) {
    throw InputError(cat(folder.string(), " was exported to ONNX and runs in ONNX Runtime, but ",
                         kNoOnnxPython));
  }
  return FolderReader(folder, *python).read();
}

}  // namespace clipq
