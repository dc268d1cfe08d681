#include "clipq/bench/environment.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

#include "clipq/core/strings.h"
#include "clipq/core/version.h"

namespace clipq {
namespace {

/// The value of the first line of a /proc file that begins with `key`, or "unknown".
std::string proc_value(const char* file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "unknown" : line.substr(begin);
  }
  return "unknown";
}

/// A line of /proc/self/status, in bytes; 0 if missing.
std::int64_t kibibytes_of(std::string_view key) {
  const std::string value = proc_value("/proc/self/status", key);
  return 1024 * std::strtoll(value.c_str(), nullptr, 10);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// "yes" if the processor has the feature of that name in /proc/cpuinfo's flags.
std::string has_flag(const std::string& flag) {
  const std::string flags = " " + proc_value("/proc/cpuinfo", "flags") + " ";
  return flags.find(" " + flag + " ") == std::string::npos ? "no" : "yes";
}

}  // namespace

Environment current_environment() {
  return {kVersion,
          TORCH_VERSION,
          proc_value("/proc/cpuinfo", "model name"),
          at::get_cpu_capability(),
          at::get_num_threads(),
          utc_now()};
}

std::vector<std::pair<std::string, std::string>> machine_facts() {
  const Environment environment = current_environment();
  return {{"clipq", environment.clipq},
          {"LibTorch", environment.libtorch},
          {"processor", environment.cpu},
          {"instruction set LibTorch uses", environment.isa},
          {"AVX2", has_flag("avx2")},
          {"AVX512", has_flag("avx512f")},
          {"AVX512-VNNI", has_flag("avx512_vnni")},
          {"AVX512-BF16", has_flag("avx512_bf16")},
          {"AMX int8", has_flag("amx_int8")},
          {"AMX bf16", has_flag("amx_bf16")},
          {"threads", cat(environment.threads)},
          {"memory available", proc_value("/proc/meminfo", "MemAvailable")}};
}

double seconds_since_start() {
  // See proc(5): the start time, in clock ticks since the machine booted, is the 22nd field; the
  // second one is the program's name in parentheses and may hold blanks.
  constexpr int kFieldsAfterName = 20;
  std::string stat;
  std::getline(std::ifstream("/proc/self/stat"), stat);
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string ticks;
  for (int i = 0; i < kFieldsAfterName; ++i) fields >> ticks;
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) -
         std::strtod(ticks.c_str(), nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::int64_t resident_bytes() { return kibibytes_of("VmRSS"); }

std::int64_t peak_resident_bytes() { return kibibytes_of("VmHWM"); }

void forget_peak_resident() {
  // See proc(5): 5 resets the peak.
  std::ofstream("/proc/self/clear_refs") << 5;
}

}  // namespace clipq
