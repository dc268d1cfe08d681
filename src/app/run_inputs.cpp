#include "run_inputs.h"

#include "clipq/bench/environment.h"
#include "clipq/core/program_digest.h"
#include "clipq/core/strings.h"
#include "clipq/quant/recipe.h"
#include "data_inputs.h"

namespace clipq {
namespace {

/// The first items of a data set, by content.
Json described_within(const Dataset& dataset, std::int64_t limit) {
  return described(dataset, items_within(limit, dataset));
}

}  // namespace

/// For every item: the program, and how checkpoints are read.
Json RunInputs::common() const {
  const Environment environment = current_environment();
  return {{"clipq", program_digest()},
          {"libtorch", environment.libtorch},
          {"isa", environment.isa},
          {"checkpoint", to_json(options_.model.checkpoint)},
          {"bpe", digest_of_file(options_.model.bpe)}};
}

/// For items that run artifacts.
Json RunInputs::running() const {
  Json json = common();
  json["mode"] = options_.model.simulate ? "simulate" : "native";
  json["kernels"] = options_.model.kernels == nullptr ? "auto" : options_.model.kernels->name;
  json["attention"] = options_.model.attention == nullptr ? "auto" : options_.model.attention->name;
  return json;
}

const Json& RunInputs::data_set(const RunData& data, std::int64_t limit) {
  const std::string key = cat(data.spec, "\n", data.captions.string(), "\n", limit);
  const auto known = data_sets_.find(key);
  if (known != data_sets_.end()) return known->second;
  return data_sets_[key] = described_within(*open_dataset(data.spec, data.captions), limit);
}

const Json& RunInputs::training_part(const RunData& data, const RunTask& task) {
  const std::string key =
      cat("train\n", data.spec, "\n", data.train, "\n", task.options.train_limit);
  const auto known = data_sets_.find(key);
  if (known != data_sets_.end()) return known->second;
  const auto dataset = open_dataset(data.spec, data.captions);
  const auto train = open_training_part({*dataset, dataset->size(), task.options});
  return data_sets_[key] = described_within(*train, task.options.train_limit);
}

Json RunInputs::quantize(const std::string& sha256, const RunFile& run, const RunRecipe& recipe,
                         const std::string& component) {
  const Recipe resolved = load_recipe(recipe.recipe, recipe.overrides);
  Json json = common();
  json["checkpoint"] = sha256;
  json["recipe"] = resolved.json;
  json["component"] = component;
  if (recipe.calibration.empty()) return json;
  const RunData& data = run.data_named(recipe.calibration);
  const std::int64_t samples = recipe.samples > 0 ? recipe.samples : resolved.samples;
  json["calibration"] = {
      {"spec", data.spec}, {"samples", samples}, {"data", data_set(data, samples)}};
  json["skip_bad"] = options_.skip_bad;
  return json;
}

Json RunInputs::task(const std::vector<std::string>& models, const RunTask& task,
                     const RunData& data) {
  Json json = running();
  json["models"] = models;
  json["task"] = task.json;
  json["batch_size"] = options_.batch_size;
  json["skip_bad"] = options_.skip_bad;
  json["data"] = data_set(data, task.limit);
  add_text_files(json, task.options);
  if (task.task == "linear_probe") json["train"] = training_part(data, task);
  return json;
}

Json RunInputs::bench(const std::vector<std::string>& models, const LatencyOptions& latency) const {
  const Environment environment = current_environment();
  Json json = running();
  json["models"] = models;
  json["cpu"] = environment.cpu;
  json["threads"] = environment.threads;
  json["latency"] = {{"batch_sizes", latency.batch_sizes},
                     {"image", latency.image},
                     {"text", latency.text},
                     {"warm_up", latency.warm_up},
                     {"seconds", latency.seconds}};
  return json;
}

}  // namespace clipq
