#include "clipq/app/export_command.h"

#include "clipq/app/failure.h"
#include "clipq/core/atomic_folder.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/onnx/export_samples.h"
#include "clipq/onnx/onnx_folder.h"
#include "clipq/onnx/onnx_python.h"

namespace clipq {
namespace {

constexpr const char* kNotAskedFor = "not asked for";
constexpr const char* kSafetensorsFile = "model.safetensors";

/// Before long work: that it will be possible.
std::optional<std::string> python_for(VerifyMode mode) {
  if (mode == VerifyMode::kNever) return std::nullopt;
  std::optional<std::string> python = find_onnx_python();
  if (!python && mode == VerifyMode::kAlways) {
    throw InputError(cat("the export can't be verified: ", kNoOnnxPython));
  }
  return python;
}

ExportSource source_of(const OpenedModel& opened) {
  return {opened.model,
          opened.tokenizer,
          opened.own_tokenizer.has_value(),
          opened.quantization ? opened.quantization->recipe_name : "",
          opened.source,
          opened.info.sha256};
}

std::string failure_text(const Json& verification) {
  if (verification.contains("error")) return verification["error"];
  std::vector<std::string> failed;
  for (const Json& graph : verification["graphs"]) {
    if (graph["passed"].get<bool>()) continue;
    std::string text = graph["file"];
    if (graph.contains("error")) text += cat(": ", graph["error"].get<std::string>());
    failed.push_back(std::move(text));
  }
  return join(failed, "; ");
}

void verify(ExportReport& report, const std::string& python) {
  log::info(cat("verifying ", report.folder.string(), " in ONNX Runtime"));
  report.verification = verify_export(python, report.folder);
  write_file(report.folder / kExportVerdict, json_text(report.verification));
}

std::string size_text(std::int64_t bytes) {
  return bytes < (1 << 20) ? cat((bytes + 1023) / 1024, " KiB") : mebibytes(bytes);
}

std::string check_text(const std::string& name, const Json& check) {
  if (check.contains("error")) return cat(", ", name, ": ", check["error"].get<std::string>());
  if (!check.contains("least_cosine")) return "";
  return cat(", ", name, " ", fixed(check["least_cosine"].get<double>(), 6));
}

std::string verification_text(const ExportReport& report) {
  const Json& verification = report.verification;
  if (verification.is_null()) return cat("not verified: ", report.not_verified, "\n");
  std::string text = cat("verified in ", verification["runtime"].get<std::string>(),
                         ", least cosine with clipq's embeddings");
  if (verification.contains("least_cosine")) {
    text += cat(" (", fixed(verification["least_cosine"].get<double>(), 6), " is needed)");
  }
  text += ":\n";
  for (const Json& graph : verification["graphs"]) {
    text += cat("  ", graph["file"].get<std::string>(), ": ",
                graph["passed"].get<bool>() ? "passed" : "FAILED");
    if (const auto checks = graph.find("checks"); checks != graph.end()) {
      for (const auto& [name, check] : checks->items()) text += check_text(name, check);
    }
    if (graph.contains("milliseconds")) {
      text += cat(", ", fixed(graph["milliseconds"].get<double>(), 1), " ms a single input");
    }
    text += "\n";
  }
  return text;
}

/// Whether what was written gives the same embeddings, bit for bit, when it is read back.
Json verify_safetensors(const OpenedModel& opened, const ExportOptions& options,
                        const std::filesystem::path& file) {
  const ExportSamples samples = make_samples(opened.model, opened.tokenizer, /*normalize=*/false);
  ModelOptions as_written = options.model;
  as_written.simulate = true;
  const OpenedModel read = open_model(file, as_written);
  const ExportSamples again = make_samples(read.model, read.tokenizer, /*normalize=*/false);
  Json checks = Json::object();
  bool passed = true;
  for (const Tower tower : opened.model.towers()) {
    const bool image = tower == Tower::kImage;
    const at::Tensor& ours = image ? samples.image : samples.text;
    const at::Tensor& theirs = image ? again.image : again.text;
    const bool same = ours.equal(theirs);
    checks[cat(name_of(tower), ".embeddings")] = {
        {"least_cosine", row_cosines(ours, theirs).min().item<double>()}, {"passed", same}};
    passed = passed && same;
  }
  return {{"runtime", "clipq, read back"},
          {"graphs", {{{"file", kSafetensorsFile}, {"checks", checks}, {"passed", passed}}}},
          {"passed", passed}};
}

/// Makes the folder. Throws InputError if the file would replace one that clipq didn't write.
void prepare_safetensors(const ExportOptions& options) {
  const std::filesystem::path file = options.output / kSafetensorsFile;
  const std::string folder = options.output.string();
  if (is_onnx_folder(options.output)) {
    throw InputError(cat(folder, " is an export to ONNX; export into another folder"));
  }
  if (!std::filesystem::exists(options.output)) {
    require_folder(folder_of(plain_folder(options.output)), "folder to export into");
    make_folder(options.output);
  }
  require_writable_target(file);
  if (!std::filesystem::exists(file)) return;
  if (lies_in(options.model_file, file) || !is_artifact(read_contents(file))) {
    throw InputError(cat(file.string(), " would be replaced, and it isn't an export of another ",
                         "model; export into another folder"));
  }
}

void export_safetensors(const OpenedModel& opened, const ExportOptions& options,
                        ExportReport& report) {
  const std::filesystem::path file = options.output / kSafetensorsFile;
  save_artifact({{opened.model, opened.quantization.value_or(Quantization())},
                 opened.source,
                 opened.own_tokenizer},
                file);
  report.files = {{kSafetensorsFile, static_cast<std::int64_t>(std::filesystem::file_size(file))}};
  if (options.verify == VerifyMode::kNever) {
    report.not_verified = kNotAskedFor;
  } else {
    report.verification = verify_safetensors(opened, options, file);
  }
}

void export_graphs(const OpenedModel& opened, const ExportOptions& options,
                   const std::optional<std::string>& python, ExportReport& report) {
  OnnxExport exported = export_onnx(source_of(opened), options.onnx, options.output);
  report.files = std::move(exported.files);
  report.notes = std::move(exported.notes);
  if (python) {
    verify(report, *python);
  } else {
    report.not_verified = options.verify == VerifyMode::kNever ? kNotAskedFor : kNoOnnxPython;
    if (options.verify == VerifyMode::kAuto) log::warn(cat("not verified: ", kNoOnnxPython));
  }
}

}  // namespace

ExportFormat parse_export_format(const std::string& name) {
  if (name == "onnx") return ExportFormat::kOnnx;
  if (name == "safetensors") return ExportFormat::kSafetensors;
  throw UsageError(cat("--format is \"", name, "\"; expected onnx or safetensors"));
}

VerifyMode parse_verify_mode(const std::string& name) {
  if (name == "auto") return VerifyMode::kAuto;
  if (name == "always") return VerifyMode::kAlways;
  if (name == "never") return VerifyMode::kNever;
  throw UsageError(cat("--verify is \"", name, "\"; expected auto, always or never"));
}

void ExportReport::require_success() const {
  if (verification.is_null() || verification["passed"].get<bool>()) return;
  throw ExportError(cat(folder.string(),
                        " was written, but its verification failed: ", failure_text(verification),
                        " (", folder.string(), "/clipq/verification.json has the whole verdict)"));
}

ExportReport export_model(const ExportOptions& options) {
  require_no_onnx_folder(options.model_file);
  const bool onnx = options.format == ExportFormat::kOnnx;
  std::optional<std::string> python;
  if (onnx) {
    require_export_target(options.output, options.model_file);
    python = python_for(options.verify);
  } else {
    prepare_safetensors(options);
  }
  ModelOptions model = options.model;
  model.simulate = true;  // native layers don't keep what graphs are made of
  const OpenedModel opened = open_model(options.model_file, model);
  ExportReport report;
  report.folder = options.output;
  report.float32_bytes = opened.info.float32_bytes;
  if (onnx) {
    export_graphs(opened, options, python, report);
  } else {
    export_safetensors(opened, options, report);
  }
  return report;
}

std::string to_text(const ExportReport& report) {
  std::string text = cat("exported to ", report.folder.string(), ":\n");
  for (const ExportedFile& file : report.files) {
    if (file.path.begin()->string() == "clipq") continue;
    text += cat("  ", file.path.string(), "  ", size_text(file.bytes), "\n");
  }
  for (const std::string& note : report.notes) text += cat("note: ", note, "\n");
  return text + verification_text(report);
}

Json to_json(const ExportReport& report) {
  Json files = Json::array();
  for (const ExportedFile& file : report.files) {
    files.push_back({{"path", file.path.string()}, {"bytes", file.bytes}});
  }
  Json json = {{"folder", report.folder.string()},
               {"files", files},
               {"notes", report.notes},
               {"float32_bytes", report.float32_bytes},
               {"verification", report.verification}};
  if (!report.not_verified.empty()) json["not_verified"] = report.not_verified;
  return json;
}

}  // namespace clipq
