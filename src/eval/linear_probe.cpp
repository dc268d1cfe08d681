#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <set>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/eval/classification.h"
#include "clipq/eval/probe.h"
#include "clipq/eval/task.h"

namespace clipq {
namespace {

/// The place of each class of `dataset` among the training classes, -1 for none; empty if they are
/// the same.
std::vector<int> trained_places(const Dataset& dataset, const Dataset& train) {
  const std::vector<std::string> keys = dataset.class_keys();
  const std::vector<std::string> trained = train.class_keys();
  if (keys == trained) return {};
  std::vector<int> places;
  for (const std::string& key : keys) {
    const auto found = std::find(trained.begin(), trained.end(), key);
    places.push_back(found == trained.end() ? -1 : static_cast<int>(found - trained.begin()));
  }
  return places;
}

std::vector<int> labels_of(const Dataset& dataset, const std::vector<std::int64_t>& items) {
  std::vector<int> labels;
  for (const std::int64_t item : items) {
    labels.push_back(dataset.label(item));
    if (labels.back() < 0) {
      throw UsageError(cat(dataset.spec(), ": ", dataset.item_name(item), " has no label; the ",
                           "linear probe needs one for each image"));
    }
  }
  return labels;
}

/// How many evaluated images are also in the training data.
std::int64_t count_shared(const ContentHash& train, const ContentHash& test) {
  const std::set<std::string> trained(train.images.begin(), train.images.end());
  std::int64_t shared = 0;
  for (const std::string& image : test.images)
    shared += static_cast<std::int64_t>(trained.count(image));
  return shared;
}

Json sweep_json(const Probe& probe) {
  Json tried = Json::array();
  for (const TriedC& each : probe.tried) {
    tried.push_back({{"c", each.c},
                     {"validation_accuracy", each.accuracy},
                     {"iterations", each.iterations},
                     {"converged", each.converged}});
  }
  return tried;
}

/// The probe's own figures, one set per model.
Json fit_json(const Probe& probe) {
  Json fit = {{"c", probe.c},
              {"iterations", probe.regression.iterations},
              {"converged", probe.regression.converged}};
  if (!probe.tried.empty()) fit["tried"] = sweep_json(probe);
  return fit;
}

ProbeOptions probe_options(const TaskOptions& options) {
  ProbeOptions probe;
  probe.c = options.probe_sweep ? std::nullopt : std::optional<double>(options.probe_c);
  probe.max_iterations = options.probe_iterations;
  probe.tolerance = options.probe_tolerance;
  return probe;
}

Json settings_of(const TaskOptions& options, const ImageFeatures& train,
                 const std::string& sha256) {
  Json settings = {
      {"train_items", train.items.size()},
      {"train_sha256", sha256},
      {"features", options.probe_feature == ImageFeature::kEmbedding ? "embedding" : "pooled"},
      {"max_iterations", options.probe_iterations},
      {"tolerance", options.probe_tolerance}};
  if (!train.skipped.empty()) settings["train_skipped"] = train.skipped;
  settings["c"] = options.probe_sweep ? Json("sweep") : Json(options.probe_c);
  return settings;
}

/// Throws InputError if an item's class has no training images.
void require_trained(const std::vector<int>& labels, int classes, const ImageFeatures& images,
                     const Dataset& dataset) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < classes) continue;
    throw InputError(cat(dataset.item_name(images.items[i]), " has class ", labels[i],
                         ", which has no training images"));
  }
}

/// Features with the labels of their items.
struct LabelledFeatures {
  ImageFeatures images;
  std::vector<int> labels;
  std::vector<std::string> class_keys;
};

/// What probes are trained and tested on.
struct ProbeData {
  LabelledFeatures train;
  LabelledFeatures test;  ///< labels are the training data's
  std::string train_sha256;
  std::int64_t shared = 0;  ///< images of the test that are also in the training data
  int classes = 0;
};

LabelledFeatures features_of(const TaskInput& input, const ImageSource& source,
                             const std::string& name) {
  LabelledFeatures features = {input.encoder.images(source, input.options.probe_feature, name),
                               {},
                               source.dataset.class_keys()};
  features.labels = labels_of(source.dataset, features.images.items);
  return features;
}

/// Trains and tests the probe of the i-th model.
Measurement measure(const TaskInput& input, const LabelledFeatures& train,
                    const LabelledFeatures& test, int classes, std::size_t i) {
  Stopwatch watch;
  const at::Tensor targets =
      at::tensor(std::vector<std::int64_t>(train.labels.begin(), train.labels.end()));
  const Probe probe =
      train_probe(train.images.rows[i], targets, classes, probe_options(input.options));
  log::info(cat(input.encoder.models()[i].label, ": probe trained on ", train.labels.size(),
                " images in ", fixed(watch.lap(), 1), " s, ", probe.regression.iterations,
                " iterations of the last fit"));
  const Predictions predictions = predict(test.images.rows[i], probe.regression.weight,
                                          probe.regression.intercept, test.labels);
  Measurement measurement = classification_measurement(predictions, test.labels, classes, "lp_");
  measurement.details["probe"] = fit_json(probe);
  if (input.options.per_class && !train.class_keys.empty()) {
    measurement.details["per_class"] = per_class_table(predictions, test.labels, train.class_keys);
  }
  return measurement;
}

TaskReport measure(const TaskInput& input, const ProbeData& data) {
  TaskReport report;
  report.items = static_cast<std::int64_t>(data.test.labels.size());
  report.skipped = data.test.images.skipped;
  report.settings = settings_of(input.options, data.train.images, data.train_sha256);
  if (data.shared > 0) {
    report.warnings.push_back(cat(data.shared, " of ", input.source.count,
                                  " evaluated images are also in the training data of the probe"));
  }
  for (std::size_t i = 0; i < data.test.images.rows.size(); ++i) {
    report.models.push_back(measure(input, data.train, data.test, data.classes, i));
  }
  return report;
}

void choose_feature(TaskOptions& options, const std::string& name, const std::string& where) {
  options.probe_feature = parse_image_feature(name, where);
}

}  // namespace

std::vector<TaskOption> linear_probe_options() {
  return {
      per_class_option(),
      {"train-data", "data set to train on (default: the training split of the evaluated data)",
       TextOption{&TaskOptions::train_data, "KIND:PATH"}, "", /*data_attribute=*/"train"},
      {"train-limit", "only the first N training items", CountOption{&TaskOptions::train_limit}},
      {"probe-features", "features to train on: embedding, or pooled (before the projection)",
       ChoiceOption{{"embedding", "pooled"}, choose_feature}},
      {"probe-c", "inverse of the regularization strength", NumberOption{&TaskOptions::probe_c}},
      {"probe-iterations", "maximum number of L-BFGS iterations",
       CountOption{&TaskOptions::probe_iterations}},
      {"probe-tolerance", "largest gradient component at which the fit counts as converged",
       NumberOption{&TaskOptions::probe_tolerance}},
      {"probe-sweep", "choose C on a fifth of the training items",
       FlagOption{&TaskOptions::probe_sweep}, /*excludes=*/"probe-c"},
  };
}

std::unique_ptr<Dataset> open_training_part(const TaskData& data) {
  const std::string& given = data.options.train_data;
  auto train = given.empty() ? open_dataset(data.dataset.spec(), {}, Split::kTrain)
                             : open_dataset(given, {}, Split::kTrainOrAll);
  const std::vector<int> places = trained_places(data.dataset, *train);
  if (std::find(places.begin(), places.end(), -1) != places.end()) {
    throw UsageError(
        cat(train->spec(), given.empty() ? " (training split)" : "", " and ", data.dataset.spec(),
            " have different classes; pass training ", "data with the same classes"),
        {{Setting::kTrainData}});
  }
  return train;
}

void check_linear_probe(const TaskData& data) {
  labels_of(data.dataset, {0});
  open_training_part(data);
}

Measure encode_linear_probe(const TaskInput& input) {
  const auto dataset = open_training_part(input.data());
  const std::int64_t count = items_within(input.options.train_limit, *dataset);
  const ImageSource source = {*dataset, count, content_hash(*dataset, count)};
  ProbeData data;
  data.train = features_of(input, source, "train-images");
  data.test = features_of(input, input.source, "images");
  data.train_sha256 = source.content.sha256;
  data.shared = count_shared(source.content, input.source.content);
  if (const std::vector<int> places = trained_places(input.source.dataset, *dataset);
      !places.empty()) {
    for (int& label : data.test.labels) label = places[static_cast<std::size_t>(label)];
  }
  const std::vector<int>& trained = data.train.labels;
  data.classes = 1 + *std::max_element(trained.begin(), trained.end());
  require_trained(data.test.labels, data.classes, data.test.images, input.source.dataset);
  return [input, data = std::move(data)] { return measure(input, data); };
}

}  // namespace clipq
