#include "format_sensitivity.h"

#include <utility>

#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/eval/sensitivity.h"
#include "clipq/quant/quantize_model.h"

namespace clipq {
namespace {

constexpr const char* kGroupsKey = "groups";

Json seen_json(const std::vector<SeenEffect>& seen) {
  Json groups = Json::array();
  for (const SeenEffect& effect : seen) {
    groups.push_back({{"tower", effect.tower},
                      {"distance", effect.distance},
                      {"agreement", effect.agreement},
                      {"decisions", effect.decisions}});
  }
  return {{kGroupsKey, std::move(groups)}};
}

std::vector<SeenEffect> seen_from_json(const Json& json, const std::string& where) {
  std::vector<SeenEffect> seen;
  for (const Json& group : json_value(json, kGroupsKey, Json::array(), where)) {
    seen.push_back({json_value<std::string>(group, "tower", "", where),
                    json_value<double>(group, "distance", 0, where),
                    json_value<double>(group, "agreement", 0, where),
                    json_value<std::int64_t>(group, "decisions", 0, where)});
  }
  return seen;
}

std::vector<SeenEffect> seen_in(const SensitivityReport& report) {
  std::vector<SeenEffect> seen;
  for (const GroupSensitivity& each : report.groups) {
    const MixedMeasurement& alone = each.one_only;
    seen.push_back({name_of(each.group.tower), 1 - alone.cosines.at(each.group.tower),
                    alone.agreement.value_or(1),
                    static_cast<std::int64_t>(alone.task.decisions.size())});
  }
  return seen;
}

/// Quantizes by the candidate's recipe, keeping the float side.
QuantizedPair quantized_pair(const SearchTrials& trials, const Candidate& candidate,
                             SearchPlan& plan) {
  const CalibrationState state = calibration_state(trials.file(candidate, ".calibration"), plan);
  QuantizedPair pair =
      quantize_beside_float(std::exchange(plan.opened.model, ClipModel()), plan.plan.placement,
                            plan.plan.recipe, plan.calibration.source, state);
  pair.quantized.quantization.calibration = plan.calibration.provenance;
  trials.keep(candidate, artifact_of(pair.quantized, plan.opened, plan.plan));
  for (const auto& each : state_files(state, plan.plan.recipe)) std::filesystem::remove(each);
  return pair;
}

}  // namespace

std::vector<SeenEffect> format_sensitivity(const SearchTrials& trials, const Candidate& candidate,
                                           const std::vector<LayerGroup>& groups,
                                           const OpenedModel& floating, const ImageSource& source,
                                           const SearchCommandOptions& options) {
  const std::filesystem::path record = trials.file(candidate, ".sensitivity.json");
  if (std::filesystem::exists(record)) return seen_from_json(read_json(record), record.string());
  log::info(cat("measuring ", candidate.name, ": each of ", groups.size(),
                " groups of layers alone, on ", source.count, " items"));
  SearchPlan plan = search_plan(floating, candidate, options);
  const QuantizedPair pair = quantized_pair(trials, candidate, plan);
  const std::filesystem::path features = trials.file(candidate, ".features");
  SensitivityOptions how;
  how.encode.batch_size = options.batch_size;
  how.encode.decode_threads = options.decode_threads;
  how.encode.skip_bad = options.skip_bad;
  how.store = FeatureStore(features);
  how.leaves_one_out = false;
  const std::vector<SeenEffect> seen =
      seen_in(measure_sensitivity(find_task(options.task, "--task"), pair, floating.tokenizer,
                                  floating.info.path, groups, source, options.task_options, how));
  write_file(record, json_text(seen_json(seen)));
  std::filesystem::remove_all(features);
  return seen;
}

}  // namespace clipq
