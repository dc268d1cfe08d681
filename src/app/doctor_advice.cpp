#include <algorithm>
#include <cmath>

#include "clipq/app/doctor_command.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/attention_path.h"

namespace clipq {
namespace {

bool has(const DoctorReport& report, const std::string& set) {
  return std::any_of(report.instruction_sets.begin(), report.instruction_sets.end(),
                     [&](const auto& each) { return each.first == set && each.second; });
}

const PathExamination* path_named(const DoctorReport& report, const std::string& name) {
  for (const PathExamination& path : report.paths) {
    if (path.name == name && path.supported) return &path;
  }
  return nullptr;
}

void add_defects(const DoctorReport& report, std::vector<std::string>& advice) {
  for (const PathExamination& path : report.paths) {
    if (!path.supported) continue;
    if (!path.exact_7_bits || (path.taken_8_bits && !path.exact_8_bits)) {
      advice.push_back(cat("The integer path ", path.name,
                           " gives wrong sums on this machine, which is a bug: run models with "
                           "--kernels portable, and please report it."));
    }
  }
  for (const FloatPathExamination& path : report.float_paths) {
    if (path.supported && !path.exact_fp8) {
      advice.push_back(cat("The path ", path.name,
                           " gives wrong FP8 products on this machine, which is a bug: run FP8 "
                           "models with --kernels float32, and please report it."));
    }
  }
}

void add_bits(const DoctorReport& report, std::vector<std::string>& advice) {
  if (has(report, "AVX512-VNNI")) {
    advice.push_back(
        "VNNI is available: 8 bits on both sides are exact and equally fast. Artifacts for other "
        "machines should keep one side at 7 bits, as the INT8 recipes do.");
    return;
  }
  const PathExamination* pairs = path_named(report, "avx2");
  if (pairs == nullptr) {
    advice.push_back(
        "Neither AVX2 nor VNNI is available: integer products run in plain C++ and save size, not "
        "time.");
    return;
  }
  advice.push_back(cat(
      "No VNNI: ",
      pairs->exact_8_bits ? ""
                          : "sums of two 8 x 8 bit products saturate on this machine (tested), so ",
      "keep one side at 7 bits, as the INT8 recipes do; with 8 bits on both sides clipq uses "
      "avx2-wide, which is exact but slower."));
}

void add_speed(const DoctorReport& report, std::vector<std::string>& advice) {
  if (has(report, "AMX int8")) {
    advice.push_back(
        "AMX is available: amx-int8 is several times as fast as AVX512-VNNI, especially at large "
        "batch sizes.");
  }
  if (report.long_attention != float32_attention_path().name) {
    advice.push_back(cat("Attention of long towers (ViT-B/16, ViT-L/14) runs on ",
                         report.long_attention, ", with operands rounded to bfloat16; --attention ",
                         "float32 keeps full precision."));
  }
  const GemmPeak& peak = report.peak;
  if (peak.int8_gops > 0 && peak.int8_gops < peak.float32_gops) {
    advice.push_back(
        "INT8 products are slower than float32 ones on this machine: quantize for size, not for "
        "speed.");
  }
}

void add_cores(const DoctorReport& report, std::vector<std::string>& advice) {
  const CoreCounts& cores = report.cores;
  double usable = cores.allowed;
  if (cores.quota > 0) usable = std::min(usable, cores.quota);
  if (cores.allowed > 0 && cores.threads > std::ceil(usable)) {
    advice.push_back(cat("clipq computes with ", cores.threads, " threads but may use only ",
                         fixed(usable, usable == std::floor(usable) ? 0 : 1),
                         " cores: use --threads ", std::max(1.0, std::floor(usable)), "."));
  } else if (cores.physical > 0 && cores.threads > cores.physical) {
    advice.push_back(cat("clipq computes with ", cores.threads, " threads on ", cores.physical,
                         " physical cores: try --threads ", cores.physical, "."));
  }
  if (cores.quota > 0 && cores.quota < cores.allowed) {
    advice.push_back(cat("A control group limits this process to ", fixed(cores.quota, 1),
                         " cores' worth of CPU time: measured times include pauses."));
  }
  if (cores.busy > 0.5) {
    advice.push_back(cat("Other programs keep ", fixed(cores.busy, 1),
                         " cores busy (load average of the last minute): wait until they are done "
                         "before trusting timings."));
  }
}

void add_memory(const DoctorReport& report, std::vector<std::string>& advice) {
  struct Known {
    const char* model;
    double mebibytes;  ///< of its weights in float32
  };
  constexpr Known kModels[] = {{"ViT-L/14", 1631}, {"ViT-B/32", 577}};
  // Quantizing ViT-B/32 peaks at 905 MiB: its weights, some more of them, and LibTorch itself.
  constexpr double kShare = 1.25;
  constexpr double kProgram = 200;
  const MemoryLimits& memory = report.memory;
  std::int64_t bytes = memory.available;
  if (memory.group_limit > 0) bytes = std::min(bytes, memory.group_limit);
  if (bytes == 0) return;
  const double available = static_cast<double>(bytes) / (1 << 20);
  for (const Known& each : kModels) {
    const double needed = kShare * each.mebibytes + kProgram;
    if (needed <= available) continue;
    advice.push_back(cat("Not enough memory to quantize ", each.model, ": it takes about ",
                         fixed(needed, 0), " MiB, and ", fixed(available, 0),
                         " MiB are available."));
  }
}

}  // namespace

std::vector<std::string> advice(const DoctorReport& report) {
  std::vector<std::string> advice;
  add_defects(report, advice);
  add_bits(report, advice);
  add_speed(report, advice);
  add_cores(report, advice);
  add_memory(report, advice);
  if (report.vocabulary == 0) {
    advice.push_back(cat("The standard tokenizer is missing (", report.tokenizer_error,
                         "): pass merges with --bpe, or run scripts/setup.sh and rebuild."));
  }
  return advice;
}

}  // namespace clipq
