#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "clipq/core/ascii.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/npy.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/setting.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "dataset_kinds.h"
#include "shard_list.h"
#include "tar_shard.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// CLIP_benchmark's order: the first of them is a sample's image.
constexpr std::array<std::string_view, 4> kImageExtensions = {"webp", "png", "jpg", "jpeg"};

/// A member's name up to the first dot behind the last slash, and what comes behind that dot.
struct MemberName {
  std::string key;
  std::string extension;
};

std::optional<MemberName> split_name(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  const std::size_t start = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t dot = name.find('.', start);
  if (dot == std::string::npos || dot == start) return std::nullopt;
  return MemberName{name.substr(0, dot), lower_case(name.substr(dot + 1))};
}

/// What lies in a shard under one key.
struct Sample {
  const TarShard* shard;
  std::string key;
  std::map<std::string, const TarMember*> members = {};  ///< by extension
  std::string problem = {};                              ///< why it can't be used; else empty

  const TarMember* image() const {
    for (const std::string_view extension : kImageExtensions) {
      if (const TarMember* found = member(std::string(extension))) return found;
    }
    return nullptr;
  }

  const TarMember* member(const std::string& extension) const {
    const auto found = members.find(extension);
    return found == members.end() ? nullptr : found->second;
  }

  std::string place() const { return cat(shard->name(), ": ", key); }

  std::string text(const std::string& extension) const {
    return utf8_text(shard->read(*member(extension)), cat(place(), ".", extension));
  }
};

/// The samples of a shard, in order. Members of one key lie side by side; whatever is there twice,
/// or is cut off, makes a sample that can't be used.
std::vector<Sample> samples_of(const TarShard& shard) {
  std::vector<Sample> samples;
  std::set<std::string> keys;
  for (const TarMember& member : shard.members()) {
    const std::optional<MemberName> name = split_name(member.name);
    if (!name) continue;
    if (samples.empty() || samples.back().key != name->key) {
      samples.push_back({&shard, name->key});
      if (!keys.insert(name->key).second) {
        samples.back().problem = cat("the key ", name->key, " is there twice");
      }
    }
    Sample& sample = samples.back();
    if (!sample.members.emplace(name->extension, &member).second) {
      sample.problem = cat(member.name, " is there twice");
    }
  }
  if (shard.damage().empty()) return samples;
  const bool is_alone = !samples.empty() && samples.back().image() == nullptr;
  if (!is_alone) samples.push_back({&shard, "(rest)"});
  samples.back().problem = shard.damage();
  return samples;
}

/// What CLIP_benchmark puts beside the shards of a data set.
struct Companions {
  std::vector<std::string> class_names;
  std::vector<std::string> templates;
};

std::vector<std::string> lines_if_there(const fs::path& file) {
  if (!fs::is_regular_file(file)) return {};
  std::vector<std::string> lines = read_lines(file);
  while (!lines.empty() && trimmed(lines.back()).empty()) lines.pop_back();
  return lines;
}

Companions companions_in(const fs::path& folder) {
  Companions found;
  found.class_names = lines_if_there(folder / "classnames.txt");
  found.templates = lines_if_there(folder / "zeroshot_classification_templates.txt");
  return found;
}

class WebDataset : public Dataset {
 public:
  enum class Labels { kRead, kIgnored };

  WebDataset(std::string spec, const std::vector<std::string>& shards, Labels labels,
             Companions companions)
      : Dataset(std::move(spec)), companions_(std::move(companions)) {
    for (const std::string& shard : shards) add(shard);
    const bool reads_labels = labels == Labels::kRead;
    has_labels_ = reads_labels && any_has("cls");
    multi_label_ = reads_labels && !has_labels_ && any_has("npy");
    const bool has_captions = any_has("txt") || any_has("json");
    for (Sample& sample : samples_) {
      if (has_labels_) labels_.push_back({read_label(sample)});
      if (multi_label_) labels_.push_back(read_classes(sample));
      if (has_captions) captions_.push_back(captions_of(sample));
    }
    warn_of_damage();
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.size()); }

  Image image_part(std::int64_t i, const NeededPixels& needed) const override {
    const std::string bytes = image_bytes(i);
    return decode_image(std::as_bytes(std::span(bytes)), samples_[i].place(), needed);
  }

  std::string item_name(std::int64_t i) const override {
    const Sample& sample = samples_[i];
    return cat(fs::path(sample.shard->name()).filename().string(), ":", sample.key);
  }

  std::string item_key(std::int64_t i) const override { return samples_[i].key; }

  int label(std::int64_t i) const override { return has_labels_ ? labels_[i].front() : -1; }
  std::vector<int> labels(std::int64_t i) const override {
    return labels_.empty() ? std::vector<int>() : labels_[i];
  }
  bool multi_label() const override { return multi_label_; }

  const std::vector<std::string>& captions(std::int64_t i) const override {
    return captions_.empty() ? Dataset::captions(i) : captions_[i];
  }

  std::vector<std::string> class_keys() const override { return companions_.class_names; }
  bool class_keys_are_names() const override { return true; }
  std::vector<std::string> templates() const override { return companions_.templates; }
  std::string layout() const override { return "webdataset"; }
  /// Of a sample that can't be used, a digest of that.
  std::string image_hash(std::int64_t i) const override {
    const Sample& sample = samples_[i];
    const bool is_usable = sample.problem.empty() && sample.image() != nullptr;
    return sha256_of(is_usable ? image_bytes(i) : cat(sample.key, ": ", sample.problem));
  }

 private:
  bool any_has(const char* extension) const {
    return std::any_of(samples_.begin(), samples_.end(), [extension](const Sample& sample) {
      return sample.member(extension) != nullptr;
    });
  }

  void add(const std::string& shard) {
    shards_.push_back(std::make_unique<TarShard>(shard, spool_));
    for (Sample& sample : samples_of(*shards_.back())) samples_.push_back(std::move(sample));
  }

  std::string image_bytes(std::int64_t i) const {
    const Sample& sample = samples_[i];
    if (!sample.problem.empty()) throw InputError(cat(sample.place(), ": ", sample.problem));
    const TarMember* picture = sample.image();
    if (picture == nullptr) {
      throw InputError(cat(sample.place(), " has no image; expected one of .",
                           join({kImageExtensions.begin(), kImageExtensions.end()}, ", ."),
                           " beside ", sample.members.begin()->second->name));
    }
    return sample.shard->read(*picture);
  }

  /// 0 of a sample that can't be used.
  static int read_label(Sample& sample) {
    if (!sample.problem.empty()) return 0;
    if (sample.member("cls") == nullptr) {
      sample.problem = "it has no .cls";
      return 0;
    }
    const std::string text = trimmed(sample.shard->read(*sample.member("cls")));
    const std::optional<int> label = parse_number<int>(text);
    if (label && *label >= 0) return *label;
    sample.problem = cat("its .cls is \"", text, "\"; expected the number of a class, from 0 on");
    return 0;
  }

  /// The classes whose numbers in its array aren't 0; none of a sample that can't be used.
  static std::vector<int> read_classes(Sample& sample) {
    if (!sample.problem.empty()) return {};
    if (sample.member("npy") == nullptr) {
      sample.problem = "it has no .npy";
      return {};
    }
    std::vector<int> classes;
    try {
      const std::string place = cat(sample.key, ".npy");
      const auto values = parse_npy_vector(sample.shard->read(*sample.member("npy")), place);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] != 0) classes.push_back(static_cast<int>(i));
      }
    } catch (const InputError& error) {
      sample.problem = error.what();
    }
    return classes;
  }

  /// None of a sample that can't be used, or whose captions can't be read.
  std::vector<std::string> captions_of(const Sample& sample) {
    if (!sample.problem.empty()) return {};
    try {
      return read_captions(sample);
    } catch (const InputError& error) {
      warn(cat(error.what(), "; the sample has no captions"));
      return {};
    }
  }

  /// The lines of its text, else the caption that its JSON document has.
  static std::vector<std::string> read_captions(const Sample& sample) {
    std::vector<std::string> captions;
    if (sample.member("txt") != nullptr) {
      for (std::string& line : lines_of(sample.text("txt"))) {
        if (!trimmed(line).empty()) captions.push_back(std::move(line));
      }
    } else if (sample.member("json") != nullptr) {
      const Json document = parse_json(sample.text("json"), sample.place() + ".json");
      const auto caption = document.is_object() ? document.find("caption") : document.end();
      if (caption != document.end() && caption->is_string()) captions.push_back(*caption);
    }
    return captions;
  }

  void warn_of_damage() {
    for (const std::unique_ptr<TarShard>& shard : shards_) {
      if (!shard->damage().empty()) {
        warn(cat(shard->name(), " is damaged: ", shard->damage(), "; the rest can't be read"));
      }
      if (shard->lacks_end_mark()) {
        warn(cat(shard->name(), " has no end-of-archive mark; it may be cut off"));
      }
    }
  }

  Companions companions_;
  Spool spool_;
  std::vector<std::unique_ptr<TarShard>> shards_;
  std::vector<Sample> samples_;
  bool has_labels_ = false;                         ///< one a sample
  bool multi_label_ = false;                        ///< any number a sample
  std::vector<std::vector<int>> labels_;            ///< empty if there are none
  std::vector<std::vector<std::string>> captions_;  ///< likewise
};

/// The folder of a split, as CLIP_benchmark has it; empty: there is none.
fs::path split_folder(const DatasetSource& source) {
  const fs::path test = source.path / "test";
  const fs::path train = source.path / "train";
  const bool has_train = is_split(train);
  if (source.split == Split::kTrain && !has_train) {
    throw InputError(cat(source.spec, " has no training split: ", (train / kShardCount).string(),
                         " is missing; pass training data"),
                     {{Setting::kTrainData}});
  }
  if (source.split != Split::kTest && has_train) return train;
  return is_split(test) ? test : fs::path();
}

}  // namespace

std::unique_ptr<Dataset> open_tar_shard(const std::string& shard) {
  return std::make_unique<WebDataset>("wds:" + shard, std::vector{shard},
                                      WebDataset::Labels::kIgnored, Companions{});
}

std::unique_ptr<Dataset> open_web_dataset(const DatasetSource& source) {
  const fs::path split = split_folder(source);
  const std::vector<std::string> shards =
      split.empty() ? list_shards(source.path.string()) : shards_of_split(split);
  const fs::path folder = split.empty() ? source.path : split.parent_path();
  auto dataset = std::make_unique<WebDataset>(source.spec, shards, WebDataset::Labels::kRead,
                                              companions_in(folder));
  if (dataset->size() == 0) throw InputError(cat(source.spec, " has no samples"));
  return dataset;
}

}  // namespace clipq
