#include "clipq/app/embed_command.h"

#include "clipq/core/atomic_file.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "clipq/data/shards.h"
#include "clipq/eval/encode.h"

namespace clipq {
namespace {

struct Embeddings {
  at::Tensor rows;
  std::vector<std::string> names;
};

Encoder encoder_of(const OpenedModel& opened, const EmbedOptions& options) {
  return {{evaluated(opened)},
          {.batch_size = options.batch_size,
           .decode_threads = options.decode_threads,
           .skip_bad = options.skip_bad}};
}

Embeddings embed_images(const OpenedModel& opened, const EmbedOptions& options) {
  const auto dataset = open_dataset(dataset_spec(options.images));
  Embeddings out;
  const ImageFeatures features =
      encoder_of(opened, options).images({*dataset, dataset->size(), {}});
  out.rows = features.rows.front();
  for (const std::int64_t item : features.items) out.names.push_back(dataset->item_name(item));
  return out;
}

Embeddings embed_texts(const OpenedModel& opened, std::vector<std::string> texts,
                       const EmbedOptions& options) {
  Embeddings out = {{}, std::move(texts)};
  out.rows = encoder_of(opened, options).texts(out.names).front();
  return out;
}

}  // namespace

std::int64_t dimensions_of(const OpenedModel& opened, const EmbedOptions& options) {
  const std::int64_t all = opened.model.config().embed_dim();
  if (options.dimensions <= all) return options.dimensions > 0 ? options.dimensions : all;
  throw UsageError(cat("--dimensions ", options.dimensions, ": the embeddings of ",
                       opened.info.path, " have ", all));
}

at::Tensor finished_rows(const at::Tensor& rows, const OpenedModel& opened,
                         const EmbedOptions& options) {
  const at::Tensor narrowed = rows.narrow(1, 0, dimensions_of(opened, options));
  return options.normalize ? normalize_rows(narrowed) : narrowed.contiguous();
}

Json embed(const EmbedOptions& options) {
  if (options.images.empty() == options.texts.empty()) {
    throw UsageError("embed: pass either --images DIR or --texts FILE");
  }
  const auto names_file = std::filesystem::path(options.output).replace_extension(".txt");
  if (names_file == options.output) {
    throw UsageError(
        cat("embed: ", options.output.string(),
            " would be overwritten by the names of the rows; pass -o a name ending in .npy"));
  }
  require_writable_target(options.output);
  std::vector<std::string> texts;
  if (!options.texts.empty()) {
    texts = read_lines(options.texts, "texts file");
    if (texts.empty()) throw InputError(cat(options.texts.string(), " has no lines"));
  }
  ModelOptions model = options.model;
  model.tower = texts.empty() ? Tower::kImage : Tower::kText;
  const OpenedModel opened = open_model(options.model_file, model);
  require_tower(opened.model, *model.tower, opened.info.path);
  dimensions_of(opened, options);
  Embeddings embeddings = texts.empty() ? embed_images(opened, options)
                                        : embed_texts(opened, std::move(texts), options);
  const at::Tensor finished = finished_rows(embeddings.rows, opened, options);
  const bool is_int8 = options.format == EmbeddingFormat::kInt8;
  const at::Tensor ranges = is_int8 ? ranges_of(finished) : at::Tensor();
  const at::Tensor rows = in_format(finished, options.format, ranges);
  AtomicFile names(names_file);
  names.write(join(embeddings.names, "\n") + "\n");
  if (is_int8) {
    write_file(std::filesystem::path(options.output).replace_extension(".ranges.json"),
               json_text(ranges_json(ranges)));
  }
  write_embeddings(options.output, rows);
  names.commit();
  return {{"embeddings", options.output.string()},
          {"names", names_file.string()},
          {"shape", {rows.size(0), rows.size(1)}},
          {"dtype", name_of(options.format)},
          {"normalized", options.normalize}};
}

}  // namespace clipq
