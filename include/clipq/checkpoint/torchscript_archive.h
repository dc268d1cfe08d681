#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "clipq/model/state_dict.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// A TorchScript archive on the CPU: its tensors, its extra files and its own forward.
class TorchScriptArchive {
 public:
  /// Loads an archive; tensors that live on a GPU are put on the CPU. Throws InputError if the file
  /// is missing, truncated, or no TorchScript archive.
  explicit TorchScriptArchive(const std::filesystem::path& file);
  ~TorchScriptArchive();
  TorchScriptArchive(TorchScriptArchive&&) noexcept;

  /// Parameters and buffers under their names, in their own types.
  StateDict state_dict() const;

  /// The content of the extra file of that name, if the archive has it.
  std::optional<std::string> extra(const std::string& name) const;

  /// The activation that the archive's code computes, if it can be told: aten::gelu, or
  /// aten::sigmoid beside the constant 1.702.
  std::optional<Activation> activation_in_graph() const;

  /// Makes the archive's own code run in float32 on the CPU: half-precision tensors become float32
  /// (in place, state_dict() shares them), and constants of its graphs that say "cuda" or float16
  /// are changed (OpenAI's archives carry both).
  void prepare_to_run();

  /// The archive's own methods. Throw InputError with the first line of Torch's reason if they
  /// aren't there or fail.
  at::Tensor encode_image(const at::Tensor& pixels) const;
  at::Tensor encode_text(const at::Tensor& tokens) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipq
