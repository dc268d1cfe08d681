#include "clipq/app/sensitivity_command.h"

#include <utility>

#include "clipq/bench/environment.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/program_digest.h"
#include "clipq/core/strings.h"
#include "clipq/eval/sensitivity.h"
#include "clipq/model/whole_batch.h"
#include "clipq/onnx/onnx_folder.h"
#include "clipq/quant/quantize_model.h"
#include "data_inputs.h"
#include "evaluation_result.h"
#include "measurement_state.h"
#include "sensitivity_details.h"

namespace clipq {
namespace {

constexpr double kSaveSeconds = 30;

void check_options(const SensitivityCommandOptions& options) {
  require_no_onnx_folder(options.checkpoint);
  require_calibration_data(options, "sensitivity");
  if (options.output.empty() && options.resume) {
    throw UsageError("sensitivity: --resume continues what was kept beside the output; pass -o");
  }
  if (!options.output.empty()) require_writable_target(options.output);
}

/// All that the features of a measurement depend on.
Json inputs_of(const SensitivityCommandOptions& options, const Task& task,
               const OpenedModel& opened, const QuantizationPlan& plan,
               const CalibrationInput& calibration, const ImageSource& source) {
  const Environment environment = current_environment();
  const Json quantized = parse_json(calibration_fingerprint(opened, plan, calibration), "");
  Json texts;
  add_text_files(texts, options.task_options);
  Json inputs = {{"build of clipq", program_digest()},
                 {"LibTorch", environment.libtorch},
                 {"instruction set", environment.isa},
                 {"number of threads", environment.threads},
                 {"checkpoint", quantized.at("checkpoint")},
                 {"architecture", quantized.at("config")},
                 {"checkpoint settings", options.model.checkpoint.document},
                 {"tokenizer", digest_of_file(options.model.bpe)},
                 {"recipe", quantized.at("recipe")},
                 {"component", quantized.at("component")},
                 {"calibration data", {quantized.at("data"), quantized.at("batches")}},
                 {"data", described(source.dataset, source.count, source.content)},
                 {"batch size", options.batch_size},
                 {"task", task.name},
                 {"class names or templates", texts},
                 {"classes", static_cast<int>(options.task_options.classes)}};
  if (task.name == "linear_probe") {
    const auto train = open_training_part({source.dataset, source.count, options.task_options});
    const std::int64_t count = items_within(options.task_options.train_limit, *train);
    inputs["training data"] = described(*train, count);
    inputs["probe features"] = static_cast<int>(options.task_options.probe_feature);
  }
  return inputs;
}

/// The groups that are measured. Throws UsageError if there are none.
std::vector<LayerGroup> measured_groups(OpenedModel& opened, const QuantizationPlan& plan,
                                        const Task& task, const TaskOptions& options) {
  std::vector<LayerGroup> groups =
      groups_for(task, options, opened.model, layer_groups(parts_of(opened.model), plan.placement));
  if (groups.empty()) {
    throw UsageError(cat("recipe ", plan.recipe.name, " quantizes nothing in the towers that ",
                         task.name, " uses; choose another recipe, component or task"));
  }
  return groups;
}

/// What is kept while a measurement runs: its features, and the state of its calibration.
struct KeptState {
  KeptState(const SensitivityCommandOptions& options, const Json& inputs, const Recipe& recipe)
      : state(options.output, inputs, options.resume),
        calibration({.file = state.folder() / "calibration",
                     .fingerprint = inputs.dump(),
                     .seconds = kSaveSeconds}) {
    // A short calibration is over before it is saved.
    for (const auto& file : state_files(calibration, recipe)) {
      calibration.resume = calibration.resume || (options.resume && std::filesystem::exists(file));
    }
  }

  MeasurementState state;
  CalibrationState calibration;
};

SensitivityOptions sensitivity_options(const SensitivityCommandOptions& options,
                                       const std::optional<KeptState>& kept) {
  SensitivityOptions how;
  how.encode.batch_size = options.batch_size;
  how.encode.decode_threads = options.decode_threads;
  how.encode.skip_bad = options.skip_bad;
  if (kept) how.store = FeatureStore(kept->state.folder());
  return how;
}

/// Calibrates and converts; says what looks wrong.
QuantizedPair quantized_pair(OpenedModel& opened, const QuantizationPlan& plan,
                             const CalibrationInput& calibration,
                             const std::optional<KeptState>& kept) {
  std::optional<CalibrationState> state;
  if (kept) state = kept->calibration;
  QuantizedPair pair =
      quantize_beside_float(std::exchange(opened.model, ClipModel()), plan.placement, plan.recipe,
                            calibration.source, state);
  for (const std::string& warning : pair.quantized.quantization.warnings) log::warn(warning);
  return pair;
}

}  // namespace

void sensitivity(const SensitivityCommandOptions& options,
                 const std::function<void(const Result& result)>& write) {
  const Task& task = find_task(options.task, "--task");
  require_suits_sensitivity(task, "--task");
  check_options(options);
  Recipe recipe = load_recipe(options.recipe, options.overrides);
  const Component component = parse_component(options.component);
  const auto dataset = open_dataset(options.data, options.captions);
  const std::int64_t count = items_within(options.limit, *dataset);
  task.check({*dataset, count, options.task_options});

  OpenedModel opened = open_model(options.checkpoint, options.model);
  const QuantizationPlan plan = plan_quantization(opened, std::move(recipe), component);
  require_towers(task, opened.model, opened.info.path, tasks_for_sensitivity());
  const std::vector<LayerGroup> groups = measured_groups(opened, plan, task, options.task_options);
  const CalibrationInput calibration =
      calibration_of(opened, plan, options, options.skip_bad, options.decode_threads);
  const ImageSource source = {*dataset, count, content_hash(*dataset, count)};
  std::optional<KeptState> kept;
  if (!options.output.empty()) {
    kept.emplace(options, inputs_of(options, task, opened, plan, calibration, source), plan.recipe);
  }
  try {
    const QuantizedPair pair = quantized_pair(opened, plan, calibration, kept);
    log::info(cat("quantizing only and all but each of ", groups.size(),
                  " groups of layers, simulated in float32"));
    SensitivityReport report =
        measure_sensitivity(task, pair, opened.tokenizer, opened.info.path, groups, source,
                            options.task_options, sensitivity_options(options, kept));
    for (const std::string& warning : report.task.warnings) log::warn(warning);
    Result result =
        evaluation_result("sensitivity", opened.info, calibration.provenance, report.task, source);
    add_sensitivity(result, report, task, plan, options.overrides);
    if (needs_whole_batch(pair.quantized.model)) result.settings["batch_size"] = options.batch_size;
    write(result);
    if (kept) kept->state.remove();
  } catch (const Interrupted&) {
    if (kept) {
      log::info(cat("the same command with --resume continues from what is in ",
                    kept->state.folder().string()));
    }
    throw;
  }
}

}  // namespace clipq
