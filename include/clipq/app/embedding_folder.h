#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// A folder that several workers, one after the other or at once, fill with the embeddings of a
/// collection's shards, with clip-retrieval's names: img_emb/img_emb_00042.npy,
/// text_emb/text_emb_00042.npy, metadata/metadata_00042.parquet. stats/00042_stats.json comes last
/// and makes a shard committed: it has the digests of the others. embed.json says what all of them
/// are made of and how.
class EmbeddingFolder {
 public:
  /// Makes the folder if it is missing.
  /// @param description for embed.json
  /// @param open_keys keys of it that nobody chose: if the folder has a description, its values
  ///        hold, and those that it lacks are left out
  /// Throws UsageError if the folder was begun with another description, InputError if it can't be
  /// written or isn't such a folder.
  EmbeddingFolder(std::filesystem::path path, Json description,
                  const std::vector<std::string>& open_keys);
  ~EmbeddingFolder();
  EmbeddingFolder(const EmbeddingFolder&) = delete;
  EmbeddingFolder& operator=(const EmbeddingFolder&) = delete;

  /// Calls body() while no other process does so in this folder, and none opens it.
  void with_lock(const std::function<void()>& body);

  /// Makes a shard this process's own until release() or its end. Returns false if another process
  /// works on it.
  bool claim(std::int64_t shard);
  void release(std::int64_t shard);

  /// Where a shard's part goes, its folder made: part "img_emb" with the extension ".npy".
  std::filesystem::path file(const std::string& part, std::int64_t shard,
                             const std::string& extension) const;

  /// Whether there is a commit mark.
  bool has_mark(std::int64_t shard) const;

  /// Throws UsageError if there are commit marks of shards that a collection of `count` hasn't.
  void require_no_marks_from(std::int64_t count) const;

  /// Whether there is a commit mark, of this shard ("shard" in its stats), and all files are as it
  /// says.
  bool is_committed(std::int64_t shard, const std::string& identity) const;

  /// Removes a commit mark, if there is one: what it vouches for is about to be written again.
  void remove_mark(std::int64_t shard) const;

  /// Writes the commit mark.
  /// @param stats what it says; the digests of `files` are added
  void commit(std::int64_t shard, Json stats,
              const std::vector<std::filesystem::path>& files) const;

  const std::filesystem::path& path() const { return path_; }

  /// What embed.json says.
  const Json& description() const { return description_; }

 private:
  void write_or_compare(const std::vector<std::string>& open_keys);
  std::filesystem::path mark(std::int64_t shard) const;

  std::filesystem::path path_;
  Json description_;
  int descriptor_ = -1;  ///< of embed.json: its locks are the shards'
};

}  // namespace clipq
