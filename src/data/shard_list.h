#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace clipq {

/// The shards that a pattern stands for, in order: files, "pipe:COMMAND", or "-". `{000..123}` is
/// each of these numbers, `{a,b}`, `*`, `?` and `[ab]` are as shells have them; a folder is its
/// split "test" where it has CLIP_benchmark's layout, else all its tar files, sorted by name;
/// another file than a tar file has one pattern per line, relative to its own folder. Throws
/// InputError if there are none.
std::vector<std::string> list_shards(const std::string& pattern);

/// The file in the folder of a split that has CLIP_benchmark's layout.
inline constexpr const char* kShardCount = "nshards.txt";

/// Whether a folder is a split as CLIP_benchmark has it.
bool is_split(const std::filesystem::path& folder);

/// The shards of such a split: 0.tar to (nshards - 1).tar. Throws InputError if nshards.txt is no
/// number of shards, or there are none.
std::vector<std::string> shards_of_split(const std::filesystem::path& folder);

/// Whether a shard is the output of a command.
bool is_command(const std::string& shard);

/// The command, for a shell.
std::string command_of(const std::string& shard);

}  // namespace clipq
