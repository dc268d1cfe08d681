#include "clipq/onnx/onnx_python.h"

#include <cstdlib>

#include "clipq/core/assets.h"
#include "clipq/core/child_process.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kVariable = "CLIPQ_PYTHON";

/// Runs the script in the next argument, without modules of the current folder.
constexpr const char* kRunner =
    "import sys\n"
    "sys.path[:] = [path for path in sys.path if path]\n"
    "exec(compile(sys.argv.pop(1), 'clipq', 'exec'))";

constexpr const char* kProbe = "import numpy, onnxruntime";

std::vector<std::string> command_of(const std::string& python, const std::string& script,
                                    const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {python, "-c", kRunner, script};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

bool has_onnx_runtime(const std::string& python) {
  try {
    ChildProcess child(command_of(python, kProbe, {}), ChildProcess::Errors::kHidden);
    child.read_all();
    return child.wait() == 0;
  } catch (const InputError&) {
    return false;  // there is no such program
  }
}

/// What came of a verification that gave no verdict.
Json no_verdict(const std::string& reason) {
  return {
      {"runtime", "onnxruntime"}, {"graphs", Json::array()}, {"error", reason}, {"passed", false}};
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
  return command_of(python, std::string(asset(cat("python/", script))), arguments);
}

Json verify_export(const std::string& python, const std::filesystem::path& folder) {
  ChildProcess child(python_command(python, "verify.py", {folder.string(), "--json"}));
  const std::string verdict = child.read_all();
  const int code = child.wait();
  try {
    if (code <= 1) return parse_json(verdict, "the verdict");
  } catch (const InputError&) {  // it gave none
  }
  return no_verdict(cat(python, " ended with exit code ", code, " before it had a verdict"));
}

}  // namespace clipq
