#include "onnx_session.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <sstream>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/onnx/onnx_python.h"

namespace clipq {
namespace {

constexpr std::string_view kError = "error ";
constexpr std::string_view kReady = "ready ";

std::string sizes_text(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) text += cat(text.empty() ? "" : " ", size);
  return text;
}

}  // namespace

OnnxSession::OnnxSession(const std::string& python, const std::filesystem::path& file,
                         const std::string& input, const std::string& output)
    : file_(file.string()),
      child_(
          python_command(python, "serve.py", {file_, input, output, cat(at::get_num_threads())})) {
  version_ = answer().substr(kReady.size());
}

std::string OnnxSession::answer() {
  std::string line = child_.read_line();
  if (!line.starts_with(kError)) return line;
  throw InputError(cat(file_, ": ONNX Runtime: ", line.substr(kError.size())));
}

at::Tensor OnnxSession::run(const at::Tensor& input) {
  const std::lock_guard lock(mutex_);
  const at::Tensor values = input.contiguous();
  child_.write(sizes_text(values) + "\n");
  child_.write(values.const_data_ptr(), values.nbytes());
  std::istringstream words(answer());
  std::vector<std::int64_t> shape;
  for (std::int64_t size = 0; words >> size;) shape.push_back(size);
  const at::Tensor rows = at::empty(shape, at::kFloat);
  child_.read(rows.mutable_data_ptr(), rows.nbytes());
  return rows;
}

}  // namespace clipq
