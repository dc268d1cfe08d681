#include "shard_list.h"

#include <glob.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>

#include "clipq/core/ascii.h"
#include "clipq/core/error.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "clipq/core/zero_padded.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPipe = "pipe:";
constexpr std::size_t kMostShards = 10'000'000;

/// `{first..last}` in a pattern.
struct NumberRange {
  std::size_t begin;  ///< of the braces
  std::size_t end;    ///< behind them
  std::int64_t first;
  std::int64_t last;
  std::size_t digits;  ///< at least so many are written
};

std::optional<NumberRange> range_at(const std::string& pattern, std::size_t open) {
  const std::size_t close = pattern.find('}', open);
  if (close == std::string::npos) return std::nullopt;
  const std::string inner = pattern.substr(open + 1, close - open - 1);
  const std::size_t dots = inner.find("..");
  if (dots == std::string::npos) return std::nullopt;
  const auto first = parse_number<std::int64_t>(inner.substr(0, dots));
  const auto last = parse_number<std::int64_t>(inner.substr(dots + 2));
  if (!first || !last || *first < 0 || *last < *first) return std::nullopt;
  return NumberRange{open, close + 1, *first, *last, dots};
}

std::optional<NumberRange> first_range(const std::string& pattern) {
  for (std::size_t open = pattern.find('{'); open != std::string::npos;
       open = pattern.find('{', open + 1)) {
    if (auto range = range_at(pattern, open)) return range;
  }
  return std::nullopt;
}

/// The pattern once for each number of its ranges.
std::vector<std::string> without_ranges(const std::string& pattern) {
  const auto range = first_range(pattern);
  if (!range) return {pattern};
  std::vector<std::string> all;
  for (std::int64_t number = range->first; number <= range->last; ++number) {
    std::vector<std::string> some =
        without_ranges(pattern.substr(0, range->begin) + zero_padded(number, range->digits) +
                       pattern.substr(range->end));
    std::move(some.begin(), some.end(), std::back_inserter(all));
    if (all.size() > kMostShards) {
      throw UsageError(cat("\"", pattern, "\" stands for more than ", kMostShards, " shards"));
    }
  }
  return all;
}

/// What `*`, `?`, `[…]` and `{a,b}` stand for; the text itself if it has none of them.
std::vector<std::string> expand_glob(const std::string& pattern) {
  if (fs::exists(pattern)) return {pattern};  // whatever characters its name has
  glob_t found = {};
  const int failure = glob(pattern.c_str(), GLOB_BRACE | GLOB_NOMAGIC, nullptr, &found);
  std::vector<std::string> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (failure == GLOB_NOSPACE) throw std::bad_alloc();
  if (files.empty())
    throw InputError(cat("no files match ", pattern, "; check the path, and quote the pattern"));
  return files;
}

/// Appends the files or commands that a pattern stands for.
void append_shards(const std::string& pattern, std::vector<std::string>& shards) {
  for (const std::string& each : without_ranges(pattern)) {
    std::vector<std::string> some = is_command(each) ? std::vector{each} : expand_glob(each);
    std::move(some.begin(), some.end(), std::back_inserter(shards));
  }
}

bool is_tar(const fs::path& file) {
  constexpr std::array<std::string_view, 12> kEndings = {
      ".tar",     ".tar.gz", ".tgz",     ".tar.zst",  ".tar.xz", ".txz",
      ".tar.bz2", ".tbz2",   ".tar.lz4", ".tar.zstd", ".tzst",   ".tar.z"};
  const std::string name = lower_case(file.filename().string());
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&name](std::string_view ending) { return name.ends_with(ending); });
}

std::vector<std::string> tars_in(const fs::path& folder) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (is_tar(entry.path())) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  if (files.empty())
    throw InputError(
        cat("folder ", folder.string(), " has no tar files (.tar, .tar.gz, .tar.zst, …)"));
  return files;
}

/// The shards of a text with one pattern per line.
std::vector<std::string> listed_in(const fs::path& file) {
  std::vector<std::string> shards;
  for (const std::string& line : read_lines(file, "list of shards")) {
    const std::string pattern = trimmed(line);
    if (pattern.empty() || pattern.starts_with('#')) continue;
    const fs::path path = is_command(pattern) ? fs::path(pattern) : file.parent_path() / pattern;
    append_shards(path.string(), shards);
  }
  if (shards.empty())
    throw InputError(cat(file.string(), " lists no shards; expected a path or pattern per line"));
  return shards;
}

}  // namespace

bool is_command(const std::string& shard) { return shard.starts_with(kPipe); }

std::string command_of(const std::string& shard) { return shard.substr(kPipe.size()); }

bool is_split(const fs::path& folder) {
  std::error_code unreadable;  // which reading the folder will tell of
  return fs::is_regular_file(folder / kShardCount, unreadable);
}

std::vector<std::string> shards_of_split(const fs::path& folder) {
  const fs::path file = folder / kShardCount;
  const std::string text = trimmed(read_text(file));
  const auto count = parse_number<std::int64_t>(text);
  if (!count || *count < 1) {
    throw InputError(cat(file.string(), " is \"", text, "\"; expected the number of shards"));
  }
  return list_shards(cat((folder / "{0..").string(), *count - 1, "}.tar"));
}

std::vector<std::string> list_shards(const std::string& pattern) {
  if (pattern == kStandardInput) return {pattern};
  std::vector<std::string> shards;
  append_shards(pattern, shards);
  if (shards.size() > 1 || is_command(shards.front())) return shards;
  const fs::path only = shards.front();
  if (is_split(only / "test")) return shards_of_split(only / "test");
  if (fs::is_directory(only)) return tars_in(only);
  return fs::is_regular_file(only) && !is_tar(only) ? listed_in(only) : shards;
}

}  // namespace clipq
