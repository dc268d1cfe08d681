#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "clipq/data/dataset.h"

namespace clipq {

/// A collection in parts, each a data set of its own. What a part holds depends on nothing but the
/// collection and the part's number. All methods may be called from several threads at once.
class Shards {
 public:
  virtual ~Shards() = default;

  virtual std::int64_t count() const = 0;

  /// For messages: a file's name, or a range of items.
  virtual std::string name(std::int64_t shard) const = 0;

  /// Throws InputError as open_dataset does.
  virtual std::unique_ptr<Dataset> open(std::int64_t shard) const = 0;

  /// What tells a shard from others of that number: a file's name, without its folder since
  /// collections move, and size, or the digest of its items' names.
  virtual std::string identity(std::int64_t shard) const = 0;
};

/// The shards of `wds:PATTERN` as they are; of another data set, `shard_size` items each.
/// Throws as open_dataset does.
std::unique_ptr<Shards> open_shards(const std::string& spec, std::int64_t shard_size);

/// The spec of a data set from what may also be a folder of images; empty stays empty.
std::string dataset_spec(const std::string& spec_or_folder);

/// Whether a spec is a pattern of tar shards.
bool names_tar_shards(const std::string& spec);

}  // namespace clipq
