#include "clipq/app/embed_shards.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "clipq/app/embedding_folder.h"
#include "clipq/app/metadata_format.h"
#include "clipq/app/worker_share.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/log.h"
#include "clipq/core/progress.h"
#include "clipq/core/setting.h"
#include "clipq/core/sha256.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "clipq/data/shards.h"
#include "clipq/eval/encode.h"
#include "clipq/text/unicode.h"

namespace clipq {
namespace {

constexpr std::chrono::milliseconds kWaitForOthers(500);
constexpr const char* kMetadata = "metadata";  ///< a key of embed.json, and a part of shards

/// Of a shard, one row an item; a tower that isn't asked for has none.
struct ShardRows {
  at::Tensor images = {};
  at::Tensor texts = {};
  std::vector<std::int64_t> items = {};
  std::vector<std::string> skipped = {};  ///< names of undecodable images
  std::vector<std::string> without_caption = {};
};

/// For a folder that is made now.
MetadataFormat new_metadata_format(const ShardOptions& options) {
  return options.metadata.value_or(default_metadata_format());
}

/// A row per item: its key and its first caption.
std::vector<MetadataRow> metadata_of(const Dataset& dataset,
                                     const std::vector<std::int64_t>& items) {
  const auto well_formed = [](const std::string& text) { return to_utf8(to_utf32(text)); };
  std::vector<MetadataRow> rows;
  for (const std::int64_t item : items) {
    MetadataRow& row = rows.emplace_back();
    row.key = well_formed(dataset.item_key(item));
    const std::vector<std::string>& captions = dataset.captions(item);
    if (!captions.empty()) row.caption = well_formed(captions.front());
  }
  return rows;
}

struct OpenShard {
  std::unique_ptr<Dataset> dataset;
  ShardRows rows;
};

class ShardEmbedder {
 public:
  ShardEmbedder(const EmbedOptions& options, const ShardOptions& shards)
      : options_(options),
        shard_options_(shards),
        shards_(open_shards(spec(), shards.shard_size)),
        opened_(open_model(options.model_file, model_options())) {
    if (has_images()) require_tower(opened_.model, Tower::kImage, opened_.info.path);
    if (has_texts()) require_tower(opened_.model, Tower::kText, opened_.info.path);
    width_ = dimensions_of(opened_, options);
  }

  Json run() {
    const WorkerShare share = worker_share(shard_options_.share);
    EmbeddingFolder folder(options_.output, description(), unchosen());
    metadata_ = metadata_format(folder);
    write_metadata_ = metadata_writer(metadata_);
    folder.require_no_marks_from(shards_->count());
    const std::vector<std::int64_t> mine = shards_of(share);
    if (!shard_options_.resume) require_no_marks(folder, mine);
    if (options_.format == EmbeddingFormat::kInt8) {
      folder.with_lock([&] { find_ranges(folder.path() / "int8_ranges.json"); });
    }
    if (!share.source.empty()) {
      log::info(cat("worker ", share.index, " of ", share.count, " (", share.source,
                    "): ", mine.size(), " of ", shards_->count(), " shards"));
    }
    return embed_all(mine, folder);
  }

 private:
  /// Until all are committed, by whomever: a shard that another process works on is looked at again
  /// after the others. One that can't be embedded doesn't keep the others from it.
  Json embed_all(std::vector<std::int64_t> shards, EmbeddingFolder& folder) {
    const auto count = static_cast<std::int64_t>(shards.size());
    std::int64_t embedded = 0;
    std::int64_t rows = 0;
    std::vector<std::string> failures;
    OverallProgress progress(std::vector<PartCost>(shards.size(), {1, 0}));
    while (!shards.empty()) {
      std::vector<std::int64_t> busy;
      for (const std::int64_t shard : shards) {
        throw_if_interrupted();
        if (!folder.claim(shard)) {
          busy.push_back(shard);
          continue;
        }
        progress.begin();
        const bool is_done = folder.is_committed(shard, shards_->identity(shard));
        if (!is_done) {
          try {
            rows += embed_shard(shard, folder);
            ++embedded;
          } catch (const InputError& error) {
            log::error(cat("shard ", shard, ": ", error.what()));
            failures.push_back(cat(shard, " (", shards_->name(shard), ")"));
          }
        }
        progress.end(!is_done);
        folder.release(shard);
      }
      if (busy.size() == shards.size()) std::this_thread::sleep_for(kWaitForOthers);
      shards = std::move(busy);
    }
    if (!failures.empty()) throw_failed(failures, count);
    return {{"folder", folder.path().string()},
            {"shards", count},
            {"embedded", embedded},
            {"complete_before", count - embedded},
            {"rows", rows}};
  }

  [[noreturn]] static void throw_failed(const std::vector<std::string>& failures,
                                        std::int64_t count) {
    constexpr std::size_t kShown = 10;
    const std::vector<std::string> shown(failures.begin(),
                                         failures.begin() + std::min(kShown, failures.size()));
    throw InputError(cat(failures.size(), " of ", count, " shards were not embedded: ",
                         join(shown, ", "), failures.size() > kShown ? ", …" : "",
                         "; the reasons are above. Fix them and continue with --resume"));
  }

  bool has_images() const { return !shard_options_.images.empty(); }
  bool has_texts() const { return !shard_options_.texts.empty(); }
  const std::string& spec() const {
    return has_images() ? shard_options_.images : shard_options_.texts;
  }

  ModelOptions model_options() const {
    ModelOptions model = options_.model;
    if (!(has_images() && has_texts())) {
      model.tower = has_images() ? Tower::kImage : Tower::kText;
    }
    return model;
  }

  std::vector<std::int64_t> shards_of(const WorkerShare& share) const {
    std::vector<std::int64_t> mine;
    for (std::int64_t shard = 0; shard < shards_->count(); ++shard) {
      if (share.has(shard)) mine.push_back(shard);
    }
    return mine;
  }

  static void require_no_marks(const EmbeddingFolder& folder,
                               const std::vector<std::int64_t>& mine) {
    for (const std::int64_t shard : mine) {
      if (!folder.has_mark(shard)) continue;
      throw UsageError(cat(folder.path().string(),
                           " already has complete shards; pass --resume to ",
                           "continue, or use another folder"));
    }
  }

  /// Everything that a shard's files depend on but the shard.
  Json description() const {
    Json towers = Json::array();
    if (has_images()) towers.push_back("image");
    if (has_texts()) towers.push_back("text");
    const std::filesystem::path& tokenizer = options_.model.bpe;
    return {{"clipq_embeddings", 1},
            {"model_sha256", opened_.info.sha256},
            {"model_settings_sha256", sha256_of(cat(to_json(opened_.model.config()).dump(),
                                                    to_json(opened_.model.preprocess).dump()))},
            {"tokenizer_sha256", tokenizer.empty() ? "" : sha256_of_file(tokenizer)},
            {"mode", opened_.info.mode},
            {"towers", towers},
            {"shard_size", shard_options_.shard_size},
            {"dtype", name_of(options_.format)},
            {kMetadata, name_of(new_metadata_format(shard_options_))},
            {"dimensions", width_},
            {"normalized", options_.normalize},
            {"batch_size", options_.batch_size}};
  }

  /// What the description of a folder that is there already decides.
  std::vector<std::string> unchosen() const {
    if (shard_options_.metadata) return {};
    return {kMetadata};
  }

  /// Folders from before there was a choice have JSON lines.
  static MetadataFormat metadata_format(const EmbeddingFolder& folder) {
    const std::string& before = name_of(MetadataFormat::kJsonl);
    const std::string where = folder.path().string();
    return parse_metadata_format(json_value(folder.description(), kMetadata, before, where), where);
  }

  /// The ranges of int8 are those of the first shard's embeddings, whoever embeds it first.
  void find_ranges(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) {
      first_ = open_shard(0);
      Json ranges;
      if (has_images()) ranges["img_emb"] = ranges_json(ranges_of(first_->rows.images));
      if (has_texts()) ranges["text_emb"] = ranges_json(ranges_of(first_->rows.texts));
      write_file(file, json_text(ranges));
    }
    const Json ranges = read_json(file);
    const auto find = [&](const char* key) {
      return ranges_from(ranges.value(key, Json()), width_, cat(file.string(), ": ", key));
    };
    if (has_images()) image_ranges_ = find("img_emb");
    if (has_texts()) text_ranges_ = find("text_emb");
  }

  OpenShard open_shard(std::int64_t shard) const {
    OpenShard open = {shards_->open(shard), {}};
    open.rows = rows_of(*open.dataset);
    return open;
  }

  std::int64_t embed_shard(std::int64_t shard, EmbeddingFolder& folder) {
    Stopwatch watch;
    const OpenShard open = shard == 0 && first_ ? std::move(*first_) : open_shard(shard);
    first_.reset();
    const ShardRows& rows = open.rows;
    folder.remove_mark(shard);
    std::vector<std::filesystem::path> files;
    const auto write = [&](const char* part, const at::Tensor& embeddings,
                           const at::Tensor& ranges) {
      if (!embeddings.defined()) return;
      files.push_back(folder.file(part, shard, ".npy"));
      write_embeddings(files.back(), in_format(embeddings, options_.format, ranges));
    };
    write("img_emb", rows.images, image_ranges_);
    write("text_emb", rows.texts, text_ranges_);
    files.push_back(folder.file(kMetadata, shard, "." + name_of(metadata_)));
    write_file(files.back(), write_metadata_(metadata_of(*open.dataset, rows.items)));
    const auto count = static_cast<std::int64_t>(rows.items.size());
    folder.commit(shard,
                  {{"shard", shards_->identity(shard)},
                   {"items", open.dataset->size()},
                   {"rows", count},
                   {"skipped", rows.skipped},
                   {"without_caption", rows.without_caption},
                   {"warnings", open.dataset->warnings()}},
                  files);
    log::debug(cat("shard ", shard, " (", shards_->name(shard), "): ", count, " rows in ",
                   fixed(watch.lap(), 1), " s"));
    return count;
  }

  ShardRows rows_of(const Dataset& dataset) const {
    const Encoder encoder({evaluated(opened_)}, {.batch_size = options_.batch_size,
                                                 .decode_threads = options_.decode_threads,
                                                 .skip_bad = options_.skip_bad,
                                                 .logs_passes = false});
    ShardRows rows;
    if (dataset.size() == 0) {
      if (has_images()) rows.images = at::empty({0, width_});
      if (has_texts()) rows.texts = at::empty({0, width_});
      return rows;
    }
    rows.items = first_indices(dataset.size());
    if (has_images()) {
      ImageFeatures features = encoder.images({dataset, dataset.size(), {}});
      rows.images = features.rows.front();
      rows.items = std::move(features.items);
      rows.skipped = std::move(features.skipped);
    }
    if (has_texts()) add_texts(dataset, encoder, rows);
    for (at::Tensor* part : {&rows.images, &rows.texts}) {
      if (part->defined()) *part = finished_rows(*part, opened_, options_);
    }
    return rows;
  }

  /// Embeds first captions; items without one are left out.
  void add_texts(const Dataset& dataset, const Encoder& encoder, ShardRows& rows) const {
    std::vector<std::string> texts;
    std::vector<std::int64_t> kept;
    std::vector<std::int64_t> items;
    for (std::size_t row = 0; row < rows.items.size(); ++row) {
      const std::vector<std::string>& captions = dataset.captions(rows.items[row]);
      if (captions.empty()) {
        rows.without_caption.push_back(dataset.item_name(rows.items[row]));
        continue;
      }
      texts.push_back(captions.front());
      kept.push_back(static_cast<std::int64_t>(row));
      items.push_back(rows.items[row]);
    }
    if (texts.empty()) {
      throw InputError(cat(dataset.spec(), ": none of ", dataset.size(), " items has a caption; ",
                           "leave out --texts, or pass shards with .txt or .json files"));
    }
    const auto bad = static_cast<std::int64_t>(rows.skipped.size() + rows.without_caption.size());
    if (bad > options_.skip_bad) {
      throw InputError(
          cat(dataset.spec(), ": ", rows.without_caption.size(), " of ", dataset.size(),
              " items have no caption; the first: ", rows.without_caption.front()),
          {{Setting::kSkipBad, std::to_string(bad)}});
    }
    if (rows.images.defined()) rows.images = at::index_select(rows.images, 0, at::tensor(kept));
    rows.items = std::move(items);
    rows.texts = encoder.texts(texts).front();
  }

  const EmbedOptions& options_;
  const ShardOptions& shard_options_;
  std::unique_ptr<Shards> shards_;
  OpenedModel opened_;
  std::int64_t width_ = 0;          ///< of the embeddings that are stored
  std::optional<OpenShard> first_;  ///< if it is embedded before its turn, for its ranges
  MetadataFormat metadata_ = MetadataFormat::kJsonl;
  MetadataWriter write_metadata_ = nullptr;
  at::Tensor image_ranges_;
  at::Tensor text_ranges_;
};

}  // namespace

Json embed_shards(const EmbedOptions& options, const ShardOptions& shards) {
  if (shards.images.empty() && shards.texts.empty()) {
    throw UsageError("embed: pass --images, --texts or both");
  }
  if (!shards.images.empty() && !shards.texts.empty() && shards.images != shards.texts) {
    throw UsageError(
        "embed: the captions of shards are those of their images: pass the same KIND:PATH to "
        "--images and --texts. A text file isn't cut into shards");
  }
  const bool has_tars = names_tar_shards(shards.images) || names_tar_shards(shards.texts);
  if (has_tars && shards.shard_size > 0) {
    throw UsageError("embed: --shard-size is for folders; wds: has its own shards");
  }
  metadata_writer(new_metadata_format(shards));  // throws before there is a folder that wants it
  return ShardEmbedder(options, shards).run();
}

}  // namespace clipq
