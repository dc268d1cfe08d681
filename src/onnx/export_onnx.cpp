#include "clipq/onnx/export_onnx.h"

#include <algorithm>
#include <array>

#include "clipq/artifact/tokenizer_files.h"
#include "clipq/core/assets.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/core/version.h"
#include "clipq/data/preprocess_json.h"
#include "clipq/model/whole_batch.h"
#include "clipq/onnx/export_samples.h"
#include "clipq/quant/simulated_layers.h"
#include "layout_documents.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPartialEnding = ".partial";
/// What a runtime's rounding leaves of simulate()'s numerics.
constexpr double kLeastCosine = 0.9999;
/// The same where products of 8 bits by 8 saturate on processors without VNNI.
constexpr double kLeastSaturatedCosine = 0.9995;
/// The same where runtimes quantize the inputs of weight-only layers by themselves.
constexpr double kLeastWeightOnlyCosine = 0.9995;
/// The same where ranges that are each row's are taken over all rows.
constexpr double kLeastPerTensorCosine = 0.98;

/// How much farther from the model a runtime may be than the model is from itself after rounding:
/// it rounds everywhere, not only once.
constexpr double kRoundingFactor = 4;

struct LayoutRow {
  ExportLayout layout;
  const char* name;
  const char* image;
  const char* text;
  const char* joint;  ///< null: there is none
};

constexpr std::array kLayouts = {
    LayoutRow{ExportLayout::kPlain, "plain", "image", "text", "model"},
    LayoutRow{ExportLayout::kImmich, "immich", "visual/model", "textual/model", nullptr},
    LayoutRow{ExportLayout::kTransformersJs, "transformers.js", "onnx/vision_model",
              "onnx/text_model", "onnx/model"}};

const LayoutRow& row_of(ExportLayout layout) {
  return *std::find_if(kLayouts.begin(), kLayouts.end(),
                       [layout](const LayoutRow& row) { return row.layout == layout; });
}

/// A graph of the folder.
struct GraphFile {
  std::string file;  ///< below the folder
  std::vector<Tower> towers;
};

/// The formats of a model's weights, without those that are float.
bool has_weights(ClipModel model, Format format) {
  const ModelParts parts = parts_of(model);
  return std::any_of(parts.linears.begin(), parts.linears.end(), [format](const LinearPart& part) {
    const auto contents = (*part.layer)->contents();
    return contents && contents->quantized != nullptr && contents->quantized->spec.format == format;
  });
}

/// How transformers.js tells files of one model apart.
std::string data_type_ending(const ClipModel& model) {
  if (has_weights(model, Format::kFp8E4M3) || has_weights(model, Format::kFp8E5M2)) {
    throw UsageError(
        "transformers.js runs no FP8; export a model quantized with int8-dynamic, "
        "int4-weight-only or fp16");
  }
  if (has_weights(model, Format::kInt4)) return "_q4";
  if (has_weights(model, Format::kInt8)) return "_quantized";
  return has_weights(model, Format::kFp16) ? "_fp16" : "";
}

std::vector<GraphFile> graph_files(const ClipModel& model, const OnnxExportOptions& options) {
  const LayoutRow& row = row_of(options.layout);
  const std::vector<Tower> towers = model.towers();
  const std::string ending =
      (options.layout == ExportLayout::kTransformersJs ? data_type_ending(model) : "") + ".onnx";
  if (options.joint) {
    if (row.joint == nullptr) {
      throw UsageError(cat("the layout ", row.name, " has a file for each tower, not a joint one"));
    }
    if (towers.size() < 2) throw UsageError("a joint graph needs both towers; the model has one");
    return {{row.joint + ending, towers}};
  }
  std::vector<GraphFile> files;
  for (const Tower tower : towers) {
    files.push_back({(tower == Tower::kImage ? row.image : row.text) + ending, {tower}});
  }
  return files;
}

OnnxOptions graph_options(const OnnxExportOptions& options) {
  OnnxOptions out;
  out.target = options.target;
  out.normalize = options.normalize;
  out.per_tensor_ranges = options.per_tensor_ranges;
  if (options.layout == ExportLayout::kImmich) {
    out.normalize = true;  // its database compares by inner products
    out.names = {"image", "text", OnnxType::kInt32, "embedding", "embedding"};
  }
  return out;
}

/// How far a runtime's kernels for the layer may be from simulate() by design.
double least_cosine(const LinearContents& contents) {
  if (contents.quantized == nullptr) return kLeastCosine;
  const QuantizerSpec& weight = contents.quantized->spec;
  if (format_info(weight.format).is_float) return kLeastCosine;
  if (contents.input == nullptr) return kLeastWeightOnlyCosine;
  return weight.bits == 8 && contents.input->spec().bits == 8 ? kLeastSaturatedCosine
                                                              : kLeastCosine;
}

double least_cosine(ClipModel model) {
  double least = kLeastCosine;
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    if (const auto contents = (*part.layer)->contents()) {
      least = std::min(least, least_cosine(*contents));
    }
  }
  return least;
}

/// What verify.py holds the graphs to.
Json checks_of(const ClipModel& model, const OnnxExportOptions& options,
               const ExportSamples& samples) {
  const double rounding = cosine_after_rounding(model, samples);
  const double kernels = options.per_tensor_ranges ? kLeastPerTensorCosine : least_cosine(model);
  const double least = std::min(kernels, 1 - kRoundingFactor * (1 - rounding));
  const bool cut = model.text && model.text->config().causal &&
                   model.text->config().pooling != TextPooling::kLast;
  return {{"least_cosine", least},
          {"cosine_after_rounding", rounding},
          {"items_are_independent", !needs_whole_batch(model) && !options.per_tensor_ranges},
          {"texts_may_be_cut", cut}};
}

Json describe_graph(const GraphFile& graph, const OnnxOptions& options, int opset) {
  Json inputs = Json::object();
  Json outputs = Json::object();
  for (const Tower tower : graph.towers) {
    const bool image = tower == Tower::kImage;
    inputs[name_of(tower)] = image ? options.names.pixels : options.names.tokens;
    outputs[name_of(tower)] = image ? options.names.image : options.names.text;
  }
  return {{"file", graph.file},
          {"opset", opset},
          {"inputs", inputs},
          {"outputs", outputs},
          {"token_type", options.names.token_type == OnnxType::kInt32 ? "int32" : "int64"}};
}

Json describe_source(const ExportSource& source) {
  return {{"file", source.source.file},
          {"sha256", source.source.sha256},
          {"size_bytes", source.source.size_bytes},
          {"float32_bytes", source.source.float32_bytes}};
}

/// Everything but the graphs.
Json describe(const ExportSource& source, const OnnxExportOptions& options) {
  const ClipModel& model = source.model;
  Json json = {{"schema", kExportSchema},
               {"clipq", kVersion},
               {"layout", name_of(options.layout)},
               {"target", name_of(options.target)},
               {"normalized", graph_options(options).normalize},
               {"per_tensor_ranges", options.per_tensor_ranges},
               {"recipe", source.recipe},
               {"exported_sha256", source.sha256},
               {"source", describe_source(source)},
               {"config", to_json(model.config())}};
  if (!source.source.unchecked.empty()) json["source"]["unchecked"] = source.source.unchecked;
  if (model.image) json["preprocess"] = to_json(model.preprocess);
  if (model.image && model.text) json["logit_scale"] = model.logit_scale.exp().item<double>();
  return json;
}

/// What a graph says of itself.
std::map<std::string, std::string> metadata_of(const Json& description) {
  std::map<std::string, std::string> metadata;
  for (const char* key :
       {"recipe", "exported_sha256", "source", "config", "preprocess", "normalized"}) {
    const auto found = description.find(key);
    if (found == description.end()) continue;
    metadata[cat("clipq.", key)] = found->is_string() ? found->get<std::string>() : found->dump();
  }
  return metadata;
}

/// A folder that gets its name when it is complete.
class AtomicFolder {
 public:
  explicit AtomicFolder(fs::path target)
      : target_(without_links(std::move(target))), partial_(target_.string() + kPartialEnding) {
    fs::remove_all(partial_);
    make_folder(partial_);
  }
  ~AtomicFolder() {
    std::error_code ignored;
    fs::remove_all(partial_, ignored);
  }
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const fs::path& path() const { return partial_; }

  void commit() {
    fs::remove_all(target_);
    fs::rename(partial_, target_);
  }

 private:
  fs::path target_;
  fs::path partial_;
};

void write_tokenizer(const ExportSource& source, const fs::path& folder) {
  if (!source.own_tokenizer || !source.model.text) return;
  for (const auto& [name, bytes] : to_documents(source.tokenizer)) write_file(folder / name, bytes);
}

std::vector<ExportedFile> files_in(const fs::path& folder) {
  std::vector<ExportedFile> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files.push_back(
        {fs::relative(entry.path(), folder), static_cast<std::int64_t>(entry.file_size())});
  }
  std::sort(files.begin(), files.end(),
            [](const ExportedFile& a, const ExportedFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace

const char* name_of(ExportLayout layout) { return row_of(layout).name; }

ExportLayout parse_export_layout(const std::string& name) {
  std::vector<std::string> names;
  for (const LayoutRow& row : kLayouts) {
    if (name == row.name) return row.layout;
    names.emplace_back(row.name);
  }
  throw UsageError(cat("unknown layout \"", name, "\"", suggestion(name, names)));
}

void require_export_target(const fs::path& folder) {
  if (!fs::exists(folder)) {
    require_folder(folder_of(folder), "folder to export into");
    return;
  }
  require_folder(folder, "export's folder");
  if (fs::is_empty(folder) || fs::exists(folder / kExportDescription)) return;
  throw InputError(cat(folder.string(), " has files that clipq didn't export; they stay: export ",
                       "into a new folder"));
}

OnnxExport export_onnx(const ExportSource& source, const OnnxExportOptions& options,
                       const fs::path& folder) {
  const OnnxOptions graph_settings = graph_options(options);
  Json description = describe(source, options);
  const std::vector<GraphFile> graphs = graph_files(source.model, options);
  const ExportSamples samples =
      make_samples(source.model, source.tokenizer, graph_settings.normalize);
  description["checks"] = checks_of(source.model, options, samples);
  const LayoutDocuments documents =
      layout_documents(source.model, source.tokenizer, options.layout);
  AtomicFolder out(folder);
  const fs::path own = out.path() / "clipq";
  make_folder(own);
  Json described = Json::array();
  for (const GraphFile& graph : graphs) {
    OnnxModel model = to_onnx(source.model, graph.towers, graph_settings);
    model.metadata = metadata_of(description);
    const fs::path file = out.path() / graph.file;
    make_folder(file.parent_path());
    write_onnx(model, file, options.most_inline_bytes);
    described.push_back(describe_graph(graph, graph_settings, model.opset));
  }
  description["graphs"] = std::move(described);
  write_file(own / "export.json", json_text(description));
  write_tokenizer(source, own);
  write_samples(samples, own);
  write_file(out.path() / "verify.py", asset("python/verify.py"));
  for (const auto& [name, text] : documents.files) write_file(out.path() / name, text);
  OnnxExport exported = {files_in(out.path()), documents.notes};
  out.commit();
  return exported;
}

}  // namespace clipq
