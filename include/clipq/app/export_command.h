#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipq/library/open_model.h"
#include "clipq/onnx/export_onnx.h"

namespace clipq {

enum class ExportFormat { kOnnx, kSafetensors };

/// Throws UsageError with the valid names: "onnx", "safetensors".
ExportFormat parse_export_format(const std::string& name);

/// Whether an export is run in ONNX Runtime before the command ends.
enum class VerifyMode {
  kAuto,    ///< if a Python with ONNX Runtime is found
  kAlways,  ///< it is an error if none is
  kNever
};

/// Throws UsageError with the valid names: "auto", "always", "never".
VerifyMode parse_verify_mode(const std::string& name);

/// clipq export.
struct ExportOptions {
  std::filesystem::path model_file;
  ExportFormat format = ExportFormat::kOnnx;
  std::filesystem::path output;  ///< a folder
  OnnxExportOptions onnx;
  VerifyMode verify = VerifyMode::kAuto;
  ModelOptions model;
};

/// What was exported.
struct ExportReport {
  std::filesystem::path folder;
  std::vector<ExportedFile> files;
  std::vector<std::string> notes;
  std::int64_t float32_bytes = 0;  ///< of the weights
  Json verification;               ///< verify.py's verdict; null: it wasn't run
  std::string not_verified;        ///< then: why

  /// Throws ExportError if the verification failed.
  void require_success() const;
};

/// Exports a checkpoint or an artifact. Throws what opening it and export_onnx() throw.
ExportReport export_model(const ExportOptions& options);

std::string to_text(const ExportReport& report);
Json to_json(const ExportReport& report);

}  // namespace clipq
