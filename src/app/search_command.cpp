#include "clipq/app/search_command.h"

#include <algorithm>
#include <array>
#include <utility>

#include "clipq/app/failure.h"
#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/program_digest.h"
#include "clipq/core/strings.h"
#include "clipq/eval/sensitivity.h"
#include "clipq/onnx/onnx_folder.h"
#include "data_inputs.h"
#include "evaluation_result.h"
#include "measurement_state.h"
#include "recipe_search.h"
#include "search_details.h"

namespace clipq {
namespace {

constexpr std::array kSearchCosts = {SearchCost::kSize, SearchCost::kLatency,
                                     SearchCost::kOperations};

void check_search_options(const SearchCommandOptions& options) {
  require_no_onnx_folder(options.checkpoint);
  require_calibration_data(options, "search");
  if (options.goals.empty()) throw UsageError("search: --goal is missing");
  require_artifact_target(options.output, options.checkpoint);
  if (!options.result.empty()) require_writable_target(options.result);
  if (options.result == options.output) {
    throw UsageError("search: the recipe and the Result need different files");
  }
  if (!options.held_out_data.empty()) return;
  if (options.held_out_captions.empty() && options.held_out_limit == 0) return;
  throw UsageError("search: --held-out-captions and --held-out-limit need --held-out-data");
}

std::vector<LayerFormat> load_formats(const SearchCommandOptions& options) {
  std::vector<LayerFormat> formats;
  for (const std::string& name : options.formats) {
    for (const LayerFormat& other : formats) {
      if (other.name == name) throw UsageError(cat("--formats: ", name, " is there twice"));
    }
    formats.push_back(load_layer_format(name));
  }
  return formats;
}

/// What the formats and the recipes beside are calibrated on. Throws what quantizing by one of them
/// would throw before it begins.
Json planned_calibrations(const SearchCommandOptions& options, const OpenedModel& floating,
                          const RecipeMixer& mixer) {
  std::vector<Candidate> candidates;
  for (std::size_t format = 0; format < mixer.formats().size(); ++format) {
    if (mixer.formats()[format].recipe) candidates.push_back(uniform_candidate(mixer, format));
  }
  for (const std::string& recipe : options.beside) {
    candidates.push_back({recipe, load_recipe(recipe, {})});
  }
  Json calibrations = Json::array();
  for (const Candidate& candidate : candidates) {
    const SearchPlan plan = search_plan(floating, candidate, options);
    const Json fingerprint =
        parse_json(calibration_fingerprint(plan.opened, plan.plan, plan.calibration), "");
    calibrations.push_back({fingerprint.at("data"), fingerprint.at("batches")});
  }
  return calibrations;
}

/// All that the measurements of a search depend on.
Json search_inputs(const SearchCommandOptions& options, const OpenedModel& floating,
                   const RecipeMixer& mixer, const SearchData& data) {
  const Environment environment = current_environment();
  const Task& task = find_task(options.task, "--task");
  const ModelOptions& model = options.model;
  Json texts;
  add_text_files(texts, options.task_options);
  Json formats = Json::array();
  for (const LayerFormat& format : mixer.formats()) {
    formats.push_back({format.name, format.recipe ? format.recipe->json : Json()});
  }
  const auto of = [](const ImageSource& source) {
    return described(source.dataset, source.count, source.content);
  };
  Json inputs = {{"build of clipq", program_digest()},
                 {"LibTorch", environment.libtorch},
                 {"instruction set", environment.isa},
                 {"number of threads", environment.threads},
                 {"checkpoint", floating.source.sha256},
                 {"architecture", to_json(floating.model.config())},
                 {"checkpoint settings", model.checkpoint.document},
                 {"tokenizer", digest_of_file(model.bpe)},
                 {"mode", model.simulate ? "simulate" : "native"},
                 {"kernels", model.kernels == nullptr ? "auto" : model.kernels->name},
                 {"attention", model.attention == nullptr ? "auto" : model.attention->name},
                 {"formats", formats},
                 {"component", options.component},
                 {"calibration data", planned_calibrations(options, floating, mixer)},
                 {"data", of(data.search())},
                 {"held-out data", of(data.held_out())},
                 {"sensitivity items", of(data.sensitivity())},
                 {"batch size", options.batch_size},
                 {"task", task.name},
                 {"options of the task", option_values(task, options.task_options)},
                 {"class names or templates", texts},
                 {"classes", static_cast<int>(options.task_options.classes)},
                 {"probe features", static_cast<int>(options.task_options.probe_feature)},
                 {"minimized cost", {name_of(options.minimize), options.latency_batch}}};
  if (options.task == "linear_probe") {
    const auto train =
        open_training_part({data.search().dataset, data.search().count, options.task_options});
    inputs["training data"] =
        described(*train, items_within(options.task_options.train_limit, *train));
  }
  return inputs;
}

RecipeMixer mixer_for(OpenedModel& floating, const SearchCommandOptions& options) {
  const Task& task = find_task(options.task, "--task");
  require_towers(task, floating.model, floating.info.path, tasks_for_sensitivity());
  RecipeMixer mixer(floating.model, load_formats(options), parse_component(options.component),
                    options.calibration_samples);
  std::vector<LayerGroup> groups =
      groups_for(task, options.task_options, floating.model, mixer.groups());
  if (groups.empty()) {
    throw UsageError(cat("the formats quantize nothing in the towers that ", options.task,
                         " uses; choose others, or another component or task"));
  }
  if (groups.size() < mixer.groups().size()) {
    log::info(cat(mixer.groups().size() - groups.size(),
                  " groups of layers stay float: ", options.task, " doesn't depend on them"));
  }
  mixer.keep(std::move(groups));
  return mixer;
}

/// The Result of the checkpoint on the held-out data.
Result search_result(const SearchOutcome& outcome, const RecipeMixer& mixer, const SearchData& data,
                     const OpenedModel& floating, const SearchCommandOptions& options) {
  const auto measured =
      std::find_if(outcome.tried.begin(), outcome.tried.end(),
                   [](const TriedRecipe& tried) { return tried.held_out.has_value(); });
  Result result = measured->held_out->floating;
  if (outcome.found) {  // that it was calibrated on held-out images, for one
    result.warnings = outcome.tried[*outcome.found].held_out->quantized.warnings;
  }
  result.task = "search";
  result.model = floating.info;
  result.latency.clear();
  add_search(result, outcome, mixer, data, options);
  return result;
}

void require_success(const SearchOutcome& outcome, const SearchCommandOptions& options) {
  if (!outcome.found) {
    throw GateError(cat("no recipe meets the goals on the search data",
                        outcome.ran_out_of_time ? " within the time budget" : "",
                        "; allow a larger drop, or more precise formats (--formats). ",
                        options.output.string(), " was not written"));
  }
  for (const GateOutcome& verdict : outcome.verdicts) {
    if (verdict.status != GateStatus::kBroken) continue;
    throw GateError(cat(options.output.string(), " misses a goal on the held-out data: ",
                        verdict.text, "; search with more data, or a smaller drop"));
  }
}

}  // namespace

const char* name_of(SearchCost cost) {
  switch (cost) {
    case SearchCost::kSize:
      return "size";
    case SearchCost::kLatency:
      return "latency";
    case SearchCost::kOperations:
      return "operations";
  }
  throw InternalError("unknown cost of a search");
}

SearchCost parse_search_cost(const std::string& name) {
  std::vector<std::string> names;
  for (const SearchCost cost : kSearchCosts) {
    if (name == name_of(cost)) return cost;
    names.emplace_back(name_of(cost));
  }
  throw UsageError(cat("--minimize ", name, ": expected one of ", join(names, ", ")));
}

void search(const SearchCommandOptions& options,
            const std::function<void(const Result& result)>& write) {
  check_search_options(options);
  const Task& task = find_task(options.task, "--task");
  require_suits_sensitivity(task, "--task");
  const SearchData data(options);
  for (const ImageSource* source : {&data.search(), &data.held_out()}) {
    task.check({source->dataset, source->count, options.task_options});
  }
  OpenedModel floating = open_model(options.checkpoint, options.model);
  const RecipeMixer mixer = mixer_for(floating, options);
  log::info(cat("searching with ", data.search().count, " items, holding out ",
                data.held_out().count, "; ", mixer.groups().size(), " groups of layers, ",
                mixer.formats().size(), " formats"));
  MeasurementState state(options.output, search_inputs(options, floating, mixer, data),
                         options.resume);
  try {
    RecipeSearch search(options, floating, mixer, data, state.folder());
    const SearchOutcome outcome = search.run();
    if (outcome.found) {
      write_file(options.output,
                 json_text(recipe_with_evidence(outcome, mixer, data, floating, options)));
    }
    const Result result = search_result(outcome, mixer, data, floating, options);
    write(result);
    state.remove();
    require_success(outcome, options);
  } catch (const Interrupted&) {
    log::info(
        cat("the same command with --resume continues from what is in ", state.folder().string()));
    throw;
  } catch (const UsageError&) {
    if (!options.resume) state.remove();
    throw;
  }
}

}  // namespace clipq
