#include "clipq/app/doctor_command.h"
#include "clipq/core/strings.h"
#include "clipq/report/table.h"

namespace clipq {
namespace {

std::string present(const std::vector<std::pair<std::string, bool>>& sets) {
  std::vector<std::string> texts;
  for (const auto& [name, here] : sets) texts.push_back(cat(name, here ? "" : " (no)"));
  return join(texts, ", ");
}

std::string cores_text(const CoreCounts& cores) {
  return cat(cores.threads, " threads; ", cores.allowed, " of ", cores.logical,
             " logical cores allowed, ",
             cores.physical > 0 ? cat(cores.physical, " physical") : "physical unknown", ", ",
             cores.quota > 0 ? cat("limited to ", fixed(cores.quota, 1), " by control group")
                             : "no control-group limit",
             ", load ", fixed(cores.busy, 1));
}

std::string memory_text(const MemoryLimits& memory) {
  return cat(
      memory.available > 0 ? mebibytes(memory.available) : "unknown", " available",
      memory.group_limit > 0 ? cat(", control group allows ", mebibytes(memory.group_limit)) : "");
}

std::string path_text(const PathExamination& path) {
  if (!path.supported) return "not supported by this processor";
  return cat("7 bits: ", path.exact_7_bits ? "exact" : "WRONG",
             "; 8 x 8 bits: ", path.exact_8_bits ? "exact" : "saturates");
}

Json path_json(const PathExamination& path) {
  Json json = {{"name", path.name}, {"supported", path.supported}};
  if (!path.supported) return json;
  json["exact_7_bits"] = path.exact_7_bits;
  json["exact_8_bits"] = path.exact_8_bits;
  json["taken_8_bits"] = path.taken_8_bits;
  return json;
}

std::string path_text(const FloatPathExamination& path) {
  if (!path.supported) return "not supported by this processor";
  return cat("FP8: ", path.exact_fp8 ? "exact" : "WRONG");
}

Json path_json(const FloatPathExamination& path) {
  Json json = {{"name", path.name}, {"supported", path.supported}};
  if (path.supported) json["exact_fp8"] = path.exact_fp8;
  return json;
}

}  // namespace

std::string to_text(const DoctorReport& report) {
  Table table({{"fact"}, {"value"}});
  table.add_row({"clipq", report.clipq});
  table.add_row({"processor", report.processor});
  table.add_row({"instruction sets", present(report.instruction_sets)});
  table.add_row({"LibTorch", cat(report.libtorch, ", uses ", report.libtorch_isa)});
  table.add_row({"LibTorch's file", report.libtorch_file});
  table.add_row({"found through", report.libtorch_from});
  table.add_row({"standard tokenizer", report.vocabulary > 0
                                           ? cat(report.vocabulary, " entries, built in")
                                           : report.tokenizer_error});
  table.add_row({"Parquet", report.parquet_error.empty() ? "built in" : report.parquet_error});
  table.add_row({"cores", cores_text(report.cores)});
  table.add_row({"memory", memory_text(report.memory)});
  if (report.peak.int8_gops > 0) {
    table.add_row({"INT8 GEMM peak", cat(fixed(report.peak.int8_gops, 0), " GOP/s (",
                                         report.peak.int8_kernels, ")")});
    table.add_row({"FP8 GEMM peak", cat(fixed(report.peak.fp8_gops, 0), " GFLOP/s (",
                                        report.peak.fp8_kernels, ")")});
    table.add_row({"float32 GEMM peak", cat(fixed(report.peak.float32_gops, 0), " GFLOP/s")});
  }
  for (const PathExamination& path : report.paths) {
    table.add_row({"kernels " + path.name, path_text(path)});
  }
  for (const FloatPathExamination& path : report.float_paths) {
    table.add_row({"kernels " + path.name, path_text(path)});
  }
  table.add_row({"attention", join(report.attention, ", ")});
  table.add_row({"built-in recipes", join(report.recipes, ", ")});
  std::string text = table.text();
  for (const std::string& sentence : advice(report)) text += "\n" + sentence;
  return text + "\n";
}

Json to_json(const DoctorReport& report) {
  Json json = {{"clipq", report.clipq}, {"processor", report.processor}};
  for (const auto& [name, here] : report.instruction_sets) json["instruction_sets"][name] = here;
  json["libtorch"] = {{"version", report.libtorch},
                      {"isa", report.libtorch_isa},
                      {"file", report.libtorch_file},
                      {"found_through", report.libtorch_from}};
  json["tokenizer"] = {{"entries", report.vocabulary}};
  if (report.vocabulary == 0) json["tokenizer"]["error"] = report.tokenizer_error;
  json["parquet"] = {{"available", report.parquet_error.empty()}};
  if (!report.parquet_error.empty()) json["parquet"]["error"] = report.parquet_error;
  const CoreCounts& cores = report.cores;
  json["cores"] = {{"threads", cores.threads},   {"logical", cores.logical},
                   {"allowed", cores.allowed},   {"physical", cores.physical},
                   {"group_quota", cores.quota}, {"load", cores.busy}};
  json["memory"] = {{"available_bytes", report.memory.available},
                    {"group_limit_bytes", report.memory.group_limit}};
  json["kernels"] = Json::array();
  for (const PathExamination& path : report.paths) json["kernels"].push_back(path_json(path));
  for (const FloatPathExamination& path : report.float_paths) {
    json["kernels"].push_back(path_json(path));
  }
  json["attention"] = {{"paths", report.attention}, {"long_towers", report.long_attention}};
  if (report.peak.int8_gops > 0) json["gemm_peak"] = to_json(report.peak);
  json["recipes"] = report.recipes;
  json["advice"] = advice(report);
  return json;
}

}  // namespace clipq
