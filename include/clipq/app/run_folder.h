#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "clipq/core/json.h"

namespace clipq {

/// What to do with a folder that already holds a run.
enum class EarlierRun {
  kRefuse,
  kResume,  ///< keep what is finished and still valid
  kRestart  ///< do everything again
};

/// The folder that a run leaves its results in, and the record of its items: items/NAME.json, which
/// says what an item was made from and its outcome. One process at a time may hold a folder.
class RunFolder {
 public:
  /// Creates the folder if missing. Throws UsageError if it holds a run and `earlier` is
  /// kRefuse, has something else where a run puts its files, or is in use; InputError if it can't
  /// be written to.
  RunFolder(std::filesystem::path folder, EarlierRun earlier);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// The outcome of the item, if it is finished, was made from the same inputs, and its files are
  /// intact.
  std::optional<Json> finished(const std::string& item, const Json& inputs) const;

  /// Records that the item is being made from these inputs.
  /// @return whether that was begun before and not finished: then parts of it may exist
  bool begin(const std::string& item, const Json& inputs);

  /// Records its outcome. @param files its files, below the folder
  void finish(const std::string& item, const Json& inputs, const Json& outcome,
              const std::vector<std::filesystem::path>& files);

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path models() const { return folder_ / "models"; }

 private:
  std::filesystem::path record(const std::string& item) const;
  void lock();

  std::filesystem::path folder_;
  int lock_ = -1;
};

}  // namespace clipq
