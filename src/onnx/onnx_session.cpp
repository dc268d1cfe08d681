#include "onnx_session.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/onnx/onnx_python.h"

namespace clipq {
namespace {

constexpr std::string_view kError = "error ";
constexpr std::string_view kReady = "ready ";
constexpr std::size_t kShownOfAnswer = 80;

std::string sizes_text(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) text += cat(text.empty() ? "" : " ", size);
  return text;
}

}  // namespace

OnnxSession::OnnxSession(const std::string& python, const std::filesystem::path& file,
                         const std::string& input, const std::string& output, bool optimized)
    : file_(file.string()),
      child_(python_command(
          python, "serve.py",
          {file_, input, output, cat(at::get_num_threads()), optimized ? "1" : "0"})) {
  const std::string ready = answer();
  if (!ready.starts_with(kReady)) throw_wrong_answer(ready);
  version_ = ready.substr(kReady.size());
}

void OnnxSession::throw_wrong_answer(const std::string& answer) const {
  throw InputError(cat(file_, ": Python answered \"", answer.substr(0, kShownOfAnswer),
                       "\", which is no answer of clipq's script"));
}

std::string OnnxSession::answer() {
  std::string line;
  try {
    line = child_.read_line();
  } catch (const InputError& failure) {
    throw InputError(cat(file_, ": ", failure.what()));
  }
  if (!line.starts_with(kError)) return line;
  throw InputError(cat(file_, ": ONNX Runtime: ", line.substr(kError.size())));
}

at::Tensor OnnxSession::run(const at::Tensor& input, std::int64_t embed_dim) {
  const std::lock_guard lock(mutex_);
  const at::Tensor values = input.contiguous();
  child_.write(sizes_text(values) + "\n");
  child_.write(values.const_data_ptr(), values.nbytes());
  const std::string shape = answer();
  if (shape != cat(values.size(0), " ", embed_dim)) {
    throw InputError(cat(file_, ": its output has the shape [", shape, "], expected [",
                         values.size(0), " ", embed_dim, "]; export the model again"));
  }
  at::Tensor rows = at::empty({values.size(0), embed_dim}, at::kFloat);
  child_.read(rows.mutable_data_ptr(), rows.nbytes());
  return rows;
}

}  // namespace clipq
