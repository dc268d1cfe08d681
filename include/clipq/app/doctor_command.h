#pragma once

#include <string>
#include <vector>

#include "clipq/bench/gemm_peak.h"
#include "clipq/core/json.h"

namespace clipq {

/// clipq doctor.
struct DoctorOptions {
  bool measure = true;  ///< whether to measure GEMM peaks, which takes some seconds
};

/// What an integer path did with codes at the ends of their ranges.
struct PathExamination {
  std::string name;
  bool supported = false;     ///< by this processor
  bool exact_7_bits = false;  ///< unsigned codes up to 127 with signed ones: as the portable path
  bool exact_8_bits = false;  ///< unsigned codes up to 255: otherwise its 16-bit sums saturate
  bool taken_8_bits = false;  ///< whether clipq would use the path for 8 x 8 bits
};

/// What a path on floating-point units did with every FP8 number.
struct FloatPathExamination {
  std::string name;
  bool supported = false;  ///< by this processor
  bool exact_fp8 = false;  ///< whether products are those of float32, bit for bit
};

/// The cores that this process may use and what they are.
struct CoreCounts {
  int threads = 0;   ///< that clipq computes with
  int logical = 0;   ///< of the machine
  int allowed = 0;   ///< by the process's affinity
  int physical = 0;  ///< among the machine's; 0: unknown
  double quota = 0;  ///< cores' worth of time that the control group allows; 0: no limit
  double busy = 0;   ///< load of the last minute
};

/// The memory that this process can get, in bytes; 0: unknown.
struct MemoryLimits {
  std::int64_t available = 0;
  std::int64_t group_limit = 0;  ///< of the control group; 0: none
};

/// What this machine and this program support.
struct DoctorReport {
  std::string clipq;
  std::string processor;
  std::vector<std::pair<std::string, bool>> instruction_sets;
  std::string libtorch;         ///< version
  std::string libtorch_isa;     ///< instruction set that it uses
  std::string libtorch_file;    ///< that is loaded
  std::string libtorch_from;    ///< how it was found
  std::int64_t vocabulary = 0;  ///< ids of the standard tokenizer; 0: its merges are missing
  std::string tokenizer_error;
  std::string parquet_error;  ///< why this program can't write Parquet; empty: it can
  std::vector<PathExamination> paths;
  std::vector<FloatPathExamination> float_paths;
  std::vector<std::string> attention;  ///< attention paths that this processor supports
  std::string long_attention;          ///< the one used for long towers
  CoreCounts cores;
  MemoryLimits memory;
  GemmPeak peak;  ///< zeros if it wasn't measured
  std::vector<std::string> recipes;
};

/// Inspects the machine, and tests each integer path on extreme codes and each other one on FP8.
DoctorReport doctor(const DoctorOptions& options);

/// Advice for quantizing or serving models on this machine, one sentence each.
std::vector<std::string> advice(const DoctorReport& report);

/// A table, and the advice below it.
std::string to_text(const DoctorReport& report);

Json to_json(const DoctorReport& report);

}  // namespace clipq
