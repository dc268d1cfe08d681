#include "clipq/data/shards.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "clipq/core/home.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/data/dataset_part.h"
#include "dataset_kinds.h"
#include "shard_list.h"

namespace clipq {
namespace {

constexpr std::string_view kTarPrefix = "wds:";

class TarShards final : public Shards {
 public:
  explicit TarShards(const std::string& spec)
      : files_(list_shards(expand_home(spec.substr(kTarPrefix.size())).string())) {}

  std::int64_t count() const override { return static_cast<std::int64_t>(files_.size()); }
  std::string name(std::int64_t shard) const override { return files_[shard]; }
  std::unique_ptr<Dataset> open(std::int64_t shard) const override {
    return open_tar_shard(files_[shard]);
  }
  std::string identity(std::int64_t shard) const override {
    const std::string& file = files_[shard];
    std::error_code missing;
    if (is_command(file) || !std::filesystem::is_regular_file(file, missing)) return file;
    return cat(std::filesystem::path(file).filename().string(), ", ",
               std::filesystem::file_size(file), " bytes");
  }

 private:
  std::vector<std::string> files_;
};

class SlicedDataset final : public Shards {
 public:
  SlicedDataset(std::unique_ptr<Dataset> whole, std::int64_t size)
      : whole_(std::move(whole)), size_(size) {}

  std::int64_t count() const override { return (whole_->size() + size_ - 1) / size_; }
  std::string name(std::int64_t shard) const override {
    return cat("items ", first(shard), " to ", first(shard + 1) - 1, " of ", whole_->spec());
  }
  std::unique_ptr<Dataset> open(std::int64_t shard) const override {
    std::vector<std::int64_t> items(static_cast<std::size_t>(first(shard + 1) - first(shard)));
    std::iota(items.begin(), items.end(), first(shard));
    return std::make_unique<DatasetPart>(*whole_, std::move(items));
  }
  std::string identity(std::int64_t shard) const override {
    Sha256 names;
    for (std::int64_t i = first(shard); i < first(shard + 1); ++i) {
      names.update(whole_->item_name(i) + "\n");
    }
    return names.finish();
  }

 private:
  std::int64_t first(std::int64_t shard) const { return std::min(shard * size_, whole_->size()); }

  std::unique_ptr<Dataset> whole_;
  std::int64_t size_;
};

}  // namespace

bool names_tar_shards(const std::string& spec) { return spec.starts_with(kTarPrefix); }

std::string dataset_spec(const std::string& spec_or_folder) {
  const std::string kind = spec_or_folder.substr(0, spec_or_folder.find(':'));
  const std::vector<DatasetKind> kinds = dataset_kinds();
  const bool has_kind = kind.size() < spec_or_folder.size() &&
                        std::any_of(kinds.begin(), kinds.end(),
                                    [&](const DatasetKind& each) { return each.name == kind; });
  return has_kind || spec_or_folder.empty() ? spec_or_folder : "images:" + spec_or_folder;
}

std::unique_ptr<Shards> open_shards(const std::string& spec, std::int64_t shard_size) {
  if (names_tar_shards(spec)) return std::make_unique<TarShards>(spec);
  return std::make_unique<SlicedDataset>(open_dataset(spec), shard_size);
}

}  // namespace clipq
