#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <mutex>
#include <string>

#include "clipq/core/child_process.h"

namespace clipq {

/// A graph in ONNX Runtime with as many threads as LibTorch has, in a Python process. Several
/// threads may use it, one after the other.
class OnnxSession {
 public:
  /// @param optimized whether with the runtime's default optimizations, else without any
  /// Throws InputError if the runtime doesn't load the file.
  OnnxSession(const std::string& python, const std::filesystem::path& file,
              const std::string& input, const std::string& output, bool optimized);

  /// @param input float32 or int64, batch first
  /// @return float32 [batch, embed_dim]
  /// Throws InputError if the runtime fails, or gives another shape.
  at::Tensor run(const at::Tensor& input, std::int64_t embed_dim);

  /// Of ONNX Runtime.
  const std::string& version() const { return version_; }

 private:
  /// The answer's words. Throws InputError if it is an error.
  std::string answer();
  [[noreturn]] void throw_wrong_answer(const std::string& answer) const;

  std::string file_;
  std::mutex mutex_;
  ChildProcess child_;
  std::string version_;
};

}  // namespace clipq
