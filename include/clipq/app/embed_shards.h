#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "clipq/app/embed_command.h"
#include "clipq/app/metadata_format.h"

namespace clipq {

/// What clipq embed does with a collection that is cut into shards.
struct ShardOptions {
  std::string images;           ///< SPEC; empty: none are embedded
  std::string texts;            ///< SPEC whose captions are embedded; the images' if both are given
  std::int64_t shard_size = 0;  ///< items a shard where the data set isn't cut into tar files
  std::string share;            ///< "i/n"; empty: what the launcher says
  bool resume = false;          ///< passes over shards that are committed
  /// None: as the folder has it, or for a new one the default.
  std::optional<MetadataFormat> metadata = {};
};

/// Embeds this worker's share of a collection, shard by shard, into a folder as EmbeddingFolder has
/// it. What a shard's files hold depends on the collection, the model, and the options alone.
/// @param options its `images` and `texts` aren't used; `skip_bad` is for each shard
/// @return what was done: shards of the share, how many of them were embedded and how many were
///         complete before or by others, rows embedded
/// Throws UsageError if shards are committed already and `resume` isn't set.
Json embed_shards(const EmbedOptions& options, const ShardOptions& shards);

}  // namespace clipq
