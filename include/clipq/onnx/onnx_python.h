#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// What to tell if there is none.
inline constexpr const char* kNoOnnxPython =
    "no Python with numpy and onnxruntime was found (pip install numpy onnxruntime, or set "
    "CLIPQ_PYTHON)";

/// A Python that has numpy and ONNX Runtime: that of the environment variable CLIPQ_PYTHON, else
/// python3 or python on PATH. Empty if none has them. Throws InputError if the variable's hasn't.
std::optional<std::string> find_onnx_python();

/// The command that runs a script of src/onnx/python/ with these arguments.
std::vector<std::string> python_command(const std::string& python, const std::string& script,
                                        const std::vector<std::string>& arguments);

/// The verdict of verify.py on an exported folder, as JSON; a failed one if it ends without. Throws
/// InputError if it can't be started.
Json verify_export(const std::string& python, const std::filesystem::path& folder);

}  // namespace clipq
