#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/model/state_dict.h"

namespace clipq {

/// A TorchScript archive read as data: its tensors, its extra files and the text of its code. None
/// of the code is compiled or run.
class TorchScriptArchive {
 public:
  /// Reads all tensors; those that were saved on a GPU are on the CPU. Throws InputError if the
  /// file is missing, damaged (every record has a CRC), no TorchScript archive, or a frozen one.
  explicit TorchScriptArchive(const std::filesystem::path& file);
  ~TorchScriptArchive();
  TorchScriptArchive(TorchScriptArchive&&) noexcept;

  const std::filesystem::path& file() const;

  /// Every tensor that is an attribute of a module, under its path, in its own type.
  const StateDict& state_dict() const;

  /// The content of the extra file of that name, if the archive has it.
  std::optional<std::string> extra(const std::string& name) const;

  /// The TorchScript source of the classes of the modules whose paths begin with one of `prefixes`,
  /// a class once. The module at the root has the path "". Empty if there is none.
  std::string code_of(const std::vector<std::string>& prefixes) const;

  /// The number that the code calls CONSTANTS.c<index>, if it is a single one.
  std::optional<double> constant(std::size_t index) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipq
