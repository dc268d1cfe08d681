#include "clipq/onnx/onnx_python.h"

#include <cstdlib>

#include "clipq/core/assets.h"
#include "clipq/core/child_process.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kVariable = "CLIPQ_PYTHON";

bool has_onnx_runtime(const std::string& python) {
  try {
    ChildProcess child({python, "-c", "import numpy, onnxruntime"}, ChildProcess::Errors::kHidden);
    child.read_all();
    return child.wait() == 0;
  } catch (const InputError&) {
    return false;  // there is no such program
  }
}

}  // namespace

std::optional<std::string> find_onnx_python() {
  if (const char* given = std::getenv(kVariable); given != nullptr && *given != '\0') {
    if (has_onnx_runtime(given)) return given;
    throw InputError(cat(kVariable, " is ", given, ", which has no numpy and onnxruntime; install ",
                         "them there (pip install numpy onnxruntime), or name another Python"));
  }
  for (const char* python : {"python3", "python"}) {
    if (has_onnx_runtime(python)) return python;
  }
  return std::nullopt;
}

std::vector<std::string> python_command(const std::string& python, const std::string& script,
                                        const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {python, "-c", std::string(asset(cat("python/", script)))};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

Json verify_export(const std::string& python, const std::filesystem::path& folder) {
  ChildProcess child(python_command(python, "verify.py", {folder.string(), "--json"}));
  const std::string verdict = child.read_all();
  const int code = child.wait();
  if (code > 1) {
    throw InputError(cat(folder.string(), ": ", python, " can't verify it (exit code ", code, ")"));
  }
  return parse_json(verdict, "the verdict of verify.py");
}

}  // namespace clipq
