#include "clipq/onnx/export_onnx.h"

#include <algorithm>
#include <array>
#include <set>

#include "clipq/artifact/tokenizer_files.h"
#include "clipq/core/assets.h"
#include "clipq/core/atomic_folder.h"
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

/// What a runtime's rounding leaves of simulate()'s numerics.
constexpr double kLeastCosine = 0.9999;
/// The same where products of 8 bits by 8 saturate on processors without VNNI.
constexpr double kLeastSaturatedCosine = 0.9995;
/// The same where ranges that are each row's are taken over all rows.
constexpr double kLeastPerTensorCosine = 0.98;

/// Whatever rounding does, a runtime that is farther from the model computes something else.
constexpr double kFloor = 0.99;
/// How much farther from the model a runtime may be than the model is from itself after such a
/// change: it rounds everywhere, not only once, and quantizes inputs in blocks of its own.
constexpr double kTimesFarther = 4;

constexpr const char* kNoLogits =
    "the joint graph gives no logits: SigLIP's have a bias, which clipq doesn't keep";

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

/// What the model's linear layers compute with; the model outlives it.
std::vector<LinearContents> linear_contents(ClipModel model) {
  std::vector<LinearContents> all;
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    if (const auto contents = (*part.layer)->contents()) all.push_back(*contents);
  }
  return all;
}

/// Whether a linear layer's weight has that format.
bool has_weights(const std::vector<LinearContents>& layers, Format format) {
  return std::any_of(layers.begin(), layers.end(), [format](const LinearContents& contents) {
    return contents.quantized != nullptr && contents.quantized->spec.format == format;
  });
}

/// How transformers.js tells files of one model apart.
std::string data_type_ending(const ClipModel& model) {
  const std::vector<LinearContents> layers = linear_contents(model);
  if (has_weights(layers, Format::kFp8E4M3) || has_weights(layers, Format::kFp8E5M2)) {
    throw UsageError(
        "transformers.js runs no FP8; export a model quantized with int8-dynamic, "
        "int4-weight-only or fp16");
  }
  if (has_weights(layers, Format::kInt4)) return "_q4";
  if (has_weights(layers, Format::kInt8)) return "_quantized";
  return has_weights(layers, Format::kFp16) ? "_fp16" : "";
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
  files.reserve(towers.size());
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

/// Whether the layer's products may saturate on processors without VNNI.
bool may_saturate(const LinearContents& contents) {
  if (contents.quantized == nullptr || contents.input == nullptr) return false;
  const QuantizerSpec& weight = contents.quantized->spec;
  return !format_info(weight.format).is_float && !runtimes_quantize_input(contents) &&
         weight.bits == 8 && contents.input->spec().bits == 8;
}

/// How far a runtime's kernels may be from simulate() by design.
double least_cosine_of_kernels(const ClipModel& model, const OnnxExportOptions& options) {
  if (options.per_tensor_ranges) return kLeastPerTensorCosine;
  const std::vector<LinearContents> layers = linear_contents(model);
  return std::any_of(layers.begin(), layers.end(), may_saturate) ? kLeastSaturatedCosine
                                                                 : kLeastCosine;
}

/// What is needed of runtimes if the model has that cosine with itself after a change.
double least_cosine_after_change(double changed) {
  return std::max(kFloor, 1 - kTimesFarther * (1 - changed));
}

/// Throws UsageError unless a layer takes the range of its input at run time.
void require_ranges_at_run_time(const ClipModel& model) {
  const std::vector<LinearContents> layers = linear_contents(model);
  if (std::any_of(layers.begin(), layers.end(), [](const LinearContents& contents) {
        return contents.input != nullptr && contents.input->spec().range == RangeKind::kDynamic;
      })) {
    return;
  }
  throw UsageError(
      "ranges over the whole tensor are asked for, but no layer of the model takes its range at "
      "run time; that is for models quantized with int8-dynamic");
}

/// What verify.py holds the graphs to.
Json checks_of(const ClipModel& model, const OnnxExportOptions& options,
               const ExportSamples& samples) {
  const double rounding = cosine_after_rounding(model, samples);
  const double inputs = cosine_with_other_inputs(model, samples);
  const double least =
      std::min({least_cosine_of_kernels(model, options), least_cosine_after_change(rounding),
                least_cosine_after_change(inputs)});
  const bool cut = model.text && model.text->config().causal &&
                   model.text->config().pooling != TextPooling::kLast;
  return {{"least_cosine", least},
          {"cosine_after_rounding", rounding},
          {"cosine_with_other_inputs", inputs},
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

/// @param documents of the tokenizer; empty: it is the standard one
Json describe_tokenizer(const Tokenizer& tokenizer, const Documents& documents) {
  Json json = {{"name", tokenizer.name()},
               {"entries", tokenizer.vocabulary_size()},
               {"standard", documents.empty()}};
  if (!documents.empty()) json["sha256"] = tokenizer_digest(documents, "the tokenizer");
  return json;
}

/// Everything but the graphs.
Json describe(const ExportSource& source, const OnnxExportOptions& options,
              const Documents& tokenizer) {
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
  if (model.text) json["tokenizer"] = describe_tokenizer(source.tokenizer, tokenizer);
  if (model.image && model.text) json["logit_scale"] = model.logit_scale.exp().item<double>();
  return json;
}

/// Compact; bytes that aren't UTF-8 (of a file's name) are replaced.
std::string compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// What a graph says of itself.
std::map<std::string, std::string> metadata_of(const Json& description) {
  std::map<std::string, std::string> metadata;
  for (const char* key :
       {"recipe", "exported_sha256", "source", "config", "preprocess", "tokenizer", "normalized"}) {
    const auto found = description.find(key);
    if (found == description.end()) continue;
    metadata[cat("clipq.", key)] = found->is_string() ? found->get<std::string>() : compact(*found);
  }
  return metadata;
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

/// What the export in that folder consists of; empty: there is none.
std::set<std::string> exported_files(const fs::path& folder) {
  const fs::path description = folder / kExportDescription;
  if (!fs::exists(description)) return {};
  std::set<std::string> files = {kExportDescription, kExportVerdict};
  const std::string where = description.string();
  const Json json = read_json(description);
  if (!json.is_object()) return files;
  const std::vector<std::string> none;
  for (const std::string& file : json_value(json, "files", none, where)) files.insert(file);
  return files;
}

/// Their description.
Json write_graphs(const ClipModel& model, const std::vector<GraphFile>& graphs,
                  const OnnxExportOptions& options, const Json& description,
                  const fs::path& folder) {
  const OnnxOptions settings = graph_options(options);
  Json described = Json::array();
  for (const GraphFile& graph : graphs) {
    OnnxModel written = to_onnx(model, graph.towers, settings);
    written.metadata = metadata_of(description);
    const fs::path file = folder / graph.file;
    make_folder(file.parent_path());
    write_onnx(written, file, options.most_inline_bytes);
    described.push_back(describe_graph(graph, settings, written.opset));
  }
  return described;
}

}  // namespace

const char* name_of(ExportLayout layout) { return row_of(layout).name; }

ExportLayout parse_export_layout(const std::string& name) {
  std::vector<std::string> names;
  for (const LayoutRow& row : kLayouts) {
    if (name == row.name) return row.layout;
    names.emplace_back(row.name);
  }
  throw UsageError(cat("unknown layout \"", name, "\"; expected ", join(names, ", ")));
}

void require_export_target(const fs::path& folder, const fs::path& model) {
  const fs::path target = plain_folder(folder);
  if (!fs::exists(target)) {
    require_folder(folder_of(target), "folder to export into");
    return;
  }
  require_folder(target, "export's folder");
  if (lies_in(fs::current_path(), target)) {
    throw InputError(cat(folder.string(), " would be replaced, but the current folder is in it; ",
                         "export into another folder"));
  }
  if (lies_in(model, target)) {
    throw InputError(cat(folder.string(), " would be replaced, but ", model.string(),
                         " lies in it; export into another folder"));
  }
  const std::set<std::string> own = exported_files(target);
  for (const ExportedFile& file : files_in(target)) {
    if (own.count(file.path.string()) > 0) continue;
    throw InputError(cat(folder.string(), " has files that clipq didn't export, ",
                         file.path.string(), " for one; they stay: export into a new folder"));
  }
}

OnnxExport export_onnx(const ExportSource& source, const OnnxExportOptions& options,
                       const fs::path& folder) {
  if (options.per_tensor_ranges) require_ranges_at_run_time(source.model);
  const std::vector<GraphFile> graphs = graph_files(source.model, options);
  LayoutDocuments documents = layout_documents(source.model, source.tokenizer, options.layout);
  if (options.joint && !has_logits(source.model.config())) documents.notes.emplace_back(kNoLogits);
  const ExportSamples samples =
      make_samples(source.model, source.tokenizer, graph_options(options).normalize);
  const bool has_own = source.own_tokenizer && source.model.text;
  const Documents tokenizer = has_own ? to_documents(source.tokenizer) : Documents();
  Json description = describe(source, options, tokenizer);
  description["checks"] = checks_of(source.model, options, samples);
  AtomicFolder out(folder);
  const fs::path own = out.path() / "clipq";
  make_folder(own);
  description["graphs"] = write_graphs(source.model, graphs, options, description, out.path());
  for (const auto& [name, bytes] : tokenizer) write_file(own / name, bytes);
  write_samples(samples, own);
  write_file(out.path() / "verify.py", asset("python/verify.py"));
  for (const auto& [name, text] : documents.files) write_file(out.path() / name, text);
  OnnxExport exported = {files_in(out.path()), documents.notes};
  for (const ExportedFile& file : exported.files) {
    description["files"].push_back(file.path.string());
  }
  write_file(out.path() / kExportDescription, json_text(description));
  out.commit();
  return exported;
}

}  // namespace clipq
