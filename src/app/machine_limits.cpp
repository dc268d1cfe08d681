#include "machine_limits.h"

#include <ATen/Parallel.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGroups = "/sys/fs/cgroup";
/// Version 1 represents "no limit" by values at least this large.
constexpr std::int64_t kNoLimit = std::int64_t{1} << 60;

/// The first line of a file; empty if it can't be read.
std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// The first line of `name` in the process's own control group or, in a container, at the root of
/// what it sees. `controller` is version 1's folder.
std::string group_line(const char* name_2, const char* controller, const char* name_1) {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t path = line.rfind(':');
    if (path == std::string::npos) continue;
    const std::string own = first_line(cat(kGroups, line.substr(path + 1), "/", name_2));
    if (line.starts_with("0::") && !own.empty()) return own;
  }
  const std::string at_root = first_line(fs::path(kGroups) / name_2);
  return at_root.empty() ? first_line(fs::path(kGroups) / controller / name_1) : at_root;
}

/// An integer; 0 for "max" and for anything else.
std::int64_t whole_number(const std::string& text) {
  return std::strtoll(text.c_str(), nullptr, 10);
}

double cpu_quota() {
  const std::string line = group_line("cpu.max", "cpu", "cpu.cfs_quota_us");
  const std::int64_t quota = whole_number(line);
  if (quota <= 0) return 0;
  const std::size_t blank = line.find(' ');
  const std::int64_t period = whole_number(
      blank == std::string::npos ? first_line(fs::path(kGroups) / "cpu" / "cpu.cfs_period_us")
                                 : line.substr(blank + 1));
  return period > 0 ? static_cast<double>(quota) / static_cast<double>(period) : 0;
}

int physical_cores() {
  std::set<std::string> siblings;
  for (unsigned cpu = 0; cpu < std::thread::hardware_concurrency(); ++cpu) {
    siblings.insert(
        first_line(cat("/sys/devices/system/cpu/cpu", cpu, "/topology/thread_siblings_list")));
  }
  siblings.erase("");
  return static_cast<int>(siblings.size());
}

int allowed_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
}

}  // namespace

CoreCounts count_cores() {
  CoreCounts cores;
  cores.threads = at::get_num_threads();
  cores.logical = static_cast<int>(std::thread::hardware_concurrency());
  cores.allowed = allowed_cores();
  cores.physical = physical_cores();
  cores.quota = cpu_quota();
  cores.busy = std::strtod(first_line("/proc/loadavg").c_str(), nullptr);
  return cores;
}

MemoryLimits memory_limits() {
  MemoryLimits memory;
  std::ifstream facts("/proc/meminfo");
  for (std::string line; std::getline(facts, line);) {
    if (line.starts_with("MemAvailable:")) {
      memory.available = 1024 * whole_number(line.substr(line.find(':') + 1));
    }
  }
  const std::int64_t limit =
      whole_number(group_line("memory.max", "memory", "memory.limit_in_bytes"));
  if (limit < kNoLimit) memory.group_limit = limit;
  return memory;
}

}  // namespace clipq
