#include <ATen/ops/matmul.h>
#include <ATen/ops/quantile.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "clipq/core/strings.h"
#include "clipq/eval/calibration_error.h"
#include "clipq/eval/captions.h"
#include "clipq/eval/classification.h"
#include "clipq/eval/rank_correlation.h"
#include "comparable_models.h"
#include "labelled_prompts.h"
#include "query_block.h"
#include "retrieval_examples.h"
#include "texts_of_items.h"

namespace clipq {
namespace {

using Metrics = std::vector<std::pair<std::string, double>>;

/// Mean, first percentile (NumPy's, with linear interpolation) and minimum of the cosines between
/// the first model's embeddings and another's.
void add_cosines(Metrics& metrics, const std::string& tower, const at::Tensor& base,
                 const at::Tensor& other) {
  const at::Tensor cosines = row_cosines(base, other);
  metrics.emplace_back(tower + "_cosine_mean", cosines.mean().item<double>());
  metrics.emplace_back(tower + "_cosine_p1", at::quantile(cosines, 0.01).item<double>());
  metrics.emplace_back(tower + "_cosine_min", cosines.min().item<double>());
}

/// A few pairs of an image and its text, by place among the images and the texts.
struct MapPairs {
  std::vector<std::int64_t> images;
  std::vector<std::int64_t> texts;
};

/// Cosines of each image of the pairs with each text of them.
Json similarity_map(const MapPairs& pairs, const at::Tensor& images, const at::Tensor& texts,
                    const std::vector<std::string>& image_names,
                    const std::vector<std::string>& text_lines) {
  Json names = Json::array();
  Json lines = Json::array();
  Json cosines = Json::array();
  for (const std::int64_t text : pairs.texts) lines.push_back(text_lines[text]);
  for (const std::int64_t image : pairs.images) {
    names.push_back(image_names[image]);
    Json row = Json::array();
    for (const std::int64_t text : pairs.texts) {
      row.push_back(
          row_cosines(images.narrow(0, image, 1), texts.narrow(0, text, 1)).item<double>());
    }
    cosines.push_back(std::move(row));
  }
  return {{"images", names}, {"texts", lines}, {"cosines", cosines}};
}

/// Normalized embeddings of queries and of candidates.
struct Retrieval {
  Retrieval(const at::Tensor& asked, const at::Tensor& listed)
      : queries(normalize_rows(asked.to(at::kDouble))),
        candidates(normalize_rows(listed.to(at::kDouble))) {}

  at::Tensor cosines(std::int64_t first, std::int64_t count) const {
    return at::matmul(queries.narrow(0, first, count), candidates.t());
  }

  at::Tensor queries;
  at::Tensor candidates;
};

/// The mean rank correlation of two models' orders of the candidates, one block of queries at a
/// time.
double list_correlation(const Retrieval& base, const Retrieval& other) {
  double sum = 0;
  std::int64_t queries = 0;
  for (std::int64_t first = 0; first < base.queries.size(0); first += kQueryBlock) {
    const std::int64_t count = std::min(kQueryBlock, base.queries.size(0) - first);
    const RankCorrelation block =
        rank_correlation(base.cosines(first, count), other.cosines(first, count));
    if (block.queries == 0) continue;
    sum += block.mean * static_cast<double>(block.queries);
    queries += block.queries;
  }
  return sum / static_cast<double>(queries);
}

/// The share of items that two models assign to the same class.
double agreement(const Predictions& base, const Predictions& other) {
  std::int64_t same = 0;
  for (std::size_t i = 0; i < base.classes.size(); ++i) {
    if (base.classes[i] == other.classes[i]) ++same;
  }
  return static_cast<double>(same) / static_cast<double>(base.classes.size());
}

double calibration_error(const Predictions& predictions) {
  const at::Tensor ranks = at::tensor(predictions.label_ranks);
  return expected_calibration_error(at::tensor(predictions.confidences), ranks.eq(0));
}

/// The first image of each of the first classes with the first prompt of its class.
MapPairs pairs_of_classes(const std::vector<int>& labels, std::int64_t templates,
                          std::int64_t count) {
  MapPairs pairs;
  std::set<int> seen;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (static_cast<std::int64_t>(pairs.images.size()) == count) break;
    if (!seen.insert(labels[i]).second) continue;
    pairs.images.push_back(static_cast<std::int64_t>(i));
    pairs.texts.push_back(labels[i] * templates);
  }
  return pairs;
}

/// The first images, each with its first caption.
MapPairs pairs_of_captions(const Captions& captions, std::int64_t count) {
  MapPairs pairs;
  for (std::size_t i = 0; i < captions.texts.size(); ++i) {
    if (static_cast<std::int64_t>(pairs.images.size()) == count) break;
    if (i > 0 && captions.image_of[i] == captions.image_of[i - 1]) continue;
    pairs.images.push_back(captions.image_of[i]);
    pairs.texts.push_back(static_cast<std::int64_t>(i));
  }
  return pairs;
}

std::vector<std::string> names_of(const Dataset& dataset, const std::vector<std::int64_t>& items) {
  std::vector<std::string> names;
  for (const std::int64_t item : items) names.push_back(dataset.item_name(item));
  return names;
}

/// Adds the cosines of a tower's embeddings to each model's metrics.
void add_cosines(TaskReport& report, Tower tower, const std::vector<at::Tensor>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    add_cosines(report.models[i].metrics, name_of(tower), rows[0], rows[i]);
  }
}

/// What is compared.
struct DriftData {
  ImageFeatures images;                          ///< without rows: their embeddings aren't compared
  std::optional<LabelledPrompts> labelled = {};  ///< of images with one label each
  std::optional<Captions> captions = {};         ///< of images with captions
  std::vector<at::Tensor> texts = {};            ///< embeddings of the prompts or captions
};

/// Drift on images with one label each.
void measure_labelled(TaskReport& report, const TaskInput& input, const DriftData& data) {
  const LabelledPrompts& labelled = *data.labelled;
  const ImageFeatures& images = data.images;
  const std::vector<int> labels = labelled.space.single_labels();
  const std::vector<std::string> lines = labelled.ensemble.prompts();
  const std::vector<at::Tensor>& prompts = data.texts;
  report.templates = static_cast<std::int64_t>(labelled.ensemble.templates.size());
  report.settings = labelled.settings;
  if (images.rows.empty()) return;
  const MapPairs pairs = pairs_of_classes(labels, report.templates, input.options.map_pairs);
  const std::vector<std::string> names = names_of(input.source.dataset, images.items);
  std::vector<Predictions> predictions;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Measurement& measurement = report.models[i];
    predictions.push_back(
        predict(normalize_rows(images.rows[i].to(at::kDouble)),
                prompt_classifier(prompts[i], labelled.space.class_names.size()).mul(kLogitScale),
                {}, labels));
    measurement.metrics.emplace_back("top1_agreement", agreement(predictions[0], predictions[i]));
    measurement.metrics.emplace_back("ece", calibration_error(predictions[i]));
    measurement.details["similarity_map"] =
        similarity_map(pairs, images.rows[i], prompts[i], names, lines);
  }
}

/// Drift on images with captions.
void measure_captioned(TaskReport& report, const TaskInput& input, const DriftData& data) {
  const Captions& captions = *data.captions;
  const ImageFeatures& images = data.images;
  const std::vector<at::Tensor>& texts = data.texts;
  report.settings = {{"captions", captions.texts.size()}};
  if (images.rows.empty()) return;
  const MapPairs pairs = pairs_of_captions(captions, input.options.map_pairs);
  const std::vector<std::string> names = names_of(input.source.dataset, images.items);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Measurement& measurement = report.models[i];
    measurement.metrics.emplace_back(
        "image_rank_correlation",
        list_correlation({texts[0], images.rows[0]}, {texts[i], images.rows[i]}));
    measurement.metrics.emplace_back(
        "text_rank_correlation",
        list_correlation({images.rows[0], texts[0]}, {images.rows[i], texts[i]}));
    measurement.details["similarity_map"] =
        similarity_map(pairs, images.rows[i], texts[i], names, captions.texts);
  }
  RetrievalExamples examples = retrieval_examples(input.source.dataset, captions, images, texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    report.models[i].details["retrieval_examples"] = std::move(examples.models[i]);
  }
  report.models.front().details["thumbnails"] = std::move(examples.thumbnails);
}

TaskReport measure(const TaskInput& input, const DriftData& data) {
  TaskReport report;
  report.models.resize(input.encoder.models().size());
  report.items = static_cast<std::int64_t>(data.images.items.size());
  report.skipped = data.images.skipped;
  add_cosines(report, Tower::kImage, data.images.rows);
  add_cosines(report, Tower::kText, data.texts);
  if (data.captions) measure_captioned(report, input, data);
  if (data.labelled) measure_labelled(report, input, data);
  return report;
}

void encode_texts(DriftData& data, const TaskInput& input) {
  const TextSource source = text_source(input.source.dataset);
  if (source == TextSource::kCaptions) {
    data.captions = captions_of(input.source.dataset, data.images.items);
    data.texts = input.encoder.texts(data.captions->texts);
  }
  if (source == TextSource::kPrompts) {
    data.labelled = labelled_prompts(input.data());
    data.labelled->space.keep_items(data.images.items);
    data.texts = input.encoder.texts(data.labelled->ensemble.prompts(), "prompts");
  }
}

}  // namespace

std::vector<TaskOption> drift_options() {
  std::vector<TaskOption> options = prompt_options();
  options.push_back({"pairs", "image-text pairs in the similarity map",
                     CountOption{&TaskOptions::map_pairs, 0, 1000}});
  return options;
}

void check_drift(const TaskData& data) {
  if (text_source(data.dataset) == TextSource::kPrompts) labelled_prompts(data);
}

Measure encode_drift(const TaskInput& input) {
  require_comparable(input.encoder.models(), "drift");
  const Component towers = common_towers(input.encoder.models());
  DriftData data = {.images = images_or_items(input, towers)};
  if (includes(towers, Tower::kText)) encode_texts(data, input);
  return [input, data = std::move(data)] { return measure(input, data); };
}

}  // namespace clipq
