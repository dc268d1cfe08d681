#include "clipq/app/doctor_command.h"

#include <dlfcn.h>

#include <ATen/Parallel.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "clipq/app/metadata_format.h"
#include "clipq/bench/environment.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/attention_path.h"
#include "clipq/quant/recipe.h"
#include "clipq/text/tokenizer.h"
#include "examine_paths.h"
#include "machine_limits.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLongTower = 197;  ///< tokens of ViT-B/16

/// The library file that contains LibTorch's thread functions.
std::string loaded_libtorch() {
  Dl_info info{};
  return dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &info) != 0 ? info.dli_fname
                                                                                 : "";
}

/// How the loader found the file.
std::string way_to(const fs::path& file) {
  const char* const search = std::getenv("LD_LIBRARY_PATH");
  std::istringstream folders(search == nullptr ? "" : search);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::error_code absent;
    if (fs::equivalent(folder, file.parent_path(), absent)) return "LD_LIBRARY_PATH";
  }
  return "the program's built-in search path";
}

/// Whether the processor has the feature, by its name in machine_facts().
std::vector<std::pair<std::string, bool>> instruction_sets() {
  std::vector<std::pair<std::string, bool>> sets;
  for (const auto& [name, value] : machine_facts()) {
    if (value == "yes" || value == "no") sets.emplace_back(name, value == "yes");
  }
  return sets;
}

}  // namespace

DoctorReport doctor(const DoctorOptions& options) {
  const Environment environment = current_environment();
  DoctorReport report;
  report.clipq = environment.clipq;
  report.processor = environment.cpu;
  report.instruction_sets = instruction_sets();
  report.libtorch = environment.libtorch;
  report.libtorch_isa = environment.isa;
  report.libtorch_file = loaded_libtorch();
  report.libtorch_from = way_to(report.libtorch_file);
  try {
    report.vocabulary = Tokenizer::standard().vocabulary_size();
  } catch (const Error& failure) {
    report.tokenizer_error = failure.what();
  }
  try {
    metadata_writer(MetadataFormat::kParquet);
  } catch (const Error& failure) {
    report.parquet_error = failure.what();
  }
  report.paths = examine_integer_paths();
  report.float_paths = examine_float_paths();
  for (const AttentionPath& path : attention_paths()) {
    if (path.supported()) report.attention.emplace_back(path.name);
  }
  report.long_attention = fastest_attention_path(kLongTower).name;
  report.cores = count_cores();
  report.memory = memory_limits();
  if (options.measure) report.peak = measure_gemm_peak();
  report.recipes = recipe_names();
  return report;
}

}  // namespace clipq
