#include "search_costs.h"

#include <algorithm>
#include <map>
#include <utility>

#include "clipq/bench/profile_model.h"
#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/model/size_parts.h"
#include "clipq/quant/bit_operations.h"
#include "clipq/quant/place_quantizers.h"
#include "everyday_prompts.h"

namespace clipq {
namespace {

constexpr std::int64_t kFloat32Bytes = 4;

using CostsByGroup = std::map<std::string, double>;

bool is_float(const RecipeMixer& mixer, std::size_t format) {
  return !mixer.formats()[format].recipe;
}

/// Bytes of float layers, as artifacts hold them.
CostsByGroup float_bytes(const ModelParts& parts) {
  CostsByGroup bytes;
  for (const LinearPart& part : parts.linears) {
    const std::int64_t values = part.out_features * (part.in_features + (part.has_bias() ? 1 : 0));
    bytes[part.group_name()] += static_cast<double>(kFloat32Bytes * values);
  }
  for (const EmbeddingPart& part : parts.embeddings) {
    bytes[part.group_name()] += static_cast<double>(kFloat32Bytes * part.entries * part.width);
  }
  return bytes;
}

CostsByGroup stored_bytes_of(const ModelParts& parts, const std::filesystem::path& artifact) {
  CostsByGroup bytes;
  for (const auto& [group, size] :
       bytes_by_group(parts, tensor_bytes(read_contents(artifact).tensors))) {
    bytes[group] = static_cast<double>(size);
  }
  return bytes;
}

/// Milliseconds of one pass through each of the towers, dealt out to the groups in proportion to
/// what their layers take, which is all that a profile of float layers knows.
CostsByGroup timed_groups(const OpenedModel& opened, const RecipeMixer& mixer, const Task& task,
                          std::int64_t batch) {
  CostsByGroup times;
  for (const Tower tower : task.needs) {
    const std::string what = tower == Tower::kImage ? "image" : "text_prompts";
    const LayerTimes measured = layer_times({&opened.model, everyday_prompts(opened)}, what, batch);
    double whole = measured.rest;
    double of_groups = 0;
    CostsByGroup own;
    for (const auto& [layer, milliseconds] : measured.layers) {
      whole += milliseconds;
      for (const LayerGroup& group : mixer.groups()) {
        const bool is_in = std::any_of(
            group.layers.begin(), group.layers.end(),
            [&layer = layer](const std::string& each) { return layer.starts_with(each); });
        if (group.tower != tower || !is_in) continue;
        own[group.name] += milliseconds;
        of_groups += milliseconds;
      }
    }
    for (const auto& [group, milliseconds] : own) {
      times[group] += milliseconds * whole / of_groups;
    }
  }
  return times;
}

std::vector<double> in_order(const CostsByGroup& costs, const RecipeMixer& mixer) {
  std::vector<double> ordered;
  for (const LayerGroup& group : mixer.groups()) {
    const auto found = costs.find(group.name);
    ordered.push_back(found == costs.end() ? 0 : found->second);
  }
  return ordered;
}

double sum_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

/// The costs of each format, by group.
std::vector<std::vector<double>> times_by_format(const SearchTrials& trials,
                                                 const std::vector<Candidate>& candidates,
                                                 const RecipeMixer& mixer,
                                                 const OpenedModel& floating,
                                                 const SearchCommandOptions& options) {
  const Task& task = find_task(options.task, "--task");
  std::vector<std::vector<double>> costs;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::filesystem::path record = trials.file(candidates[i], ".times.json");
    if (!std::filesystem::exists(record)) {
      const OpenedModel opened =
          is_float(mixer, i) ? floating : open_model(trials.artifact(candidates[i]), options.model);
      const Json times = in_order(timed_groups(opened, mixer, task, options.latency_batch), mixer);
      write_file(record, json_text({{"milliseconds", times}}));
    }
    costs.push_back(
        json_value<std::vector<double>>(read_json(record), "milliseconds", {}, record.string()));
  }
  return costs;
}

GroupCosts by_group(const std::vector<std::vector<double>>& by_format, double rest) {
  GroupCosts costs = {{}, rest};
  for (std::size_t group = 0; group < by_format.front().size(); ++group) {
    costs.groups.emplace_back();
    for (const std::vector<double>& format : by_format)
      costs.groups.back().push_back(format[group]);
  }
  return costs;
}

GroupCosts size_costs(const SearchTrials& trials, const std::vector<Candidate>& candidates,
                      const RecipeMixer& mixer, const ModelParts& parts) {
  std::vector<std::vector<double>> costs;
  double rest = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (is_float(mixer, i)) {
      costs.push_back(in_order(float_bytes(parts), mixer));
      continue;
    }
    const std::filesystem::path file = trials.artifact(candidates[i]);
    costs.push_back(in_order(stored_bytes_of(parts, file), mixer));
    rest = static_cast<double>(std::filesystem::file_size(file)) - sum_of(costs.back());
  }
  return by_group(costs, rest);
}

GroupCosts operation_costs(const RecipeMixer& mixer, const ModelParts& parts) {
  std::vector<std::vector<double>> costs;
  double rest = 0;
  for (std::size_t i = 0; i < mixer.formats().size(); ++i) {
    const FormatChoices everywhere(mixer.groups().size(), i);
    const Placement placement = mixer.placement(everywhere);
    costs.push_back(bit_operations(parts, placement, mixer.groups()));
    rest = bit_operations(parts, placement) - sum_of(costs.back());
  }
  return by_group(costs, rest);
}

}  // namespace

GroupCosts group_costs(const SearchTrials& trials, const std::vector<Candidate>& candidates,
                       const RecipeMixer& mixer, const OpenedModel& floating,
                       const SearchCommandOptions& options) {
  ClipModel model = floating.model;
  const ModelParts parts = parts_of(model);
  switch (options.minimize) {
    case SearchCost::kSize:
      return size_costs(trials, candidates, mixer, parts);
    case SearchCost::kOperations:
      return operation_costs(mixer, parts);
    case SearchCost::kLatency:
      return by_group(times_by_format(trials, candidates, mixer, floating, options), 0);
  }
  throw InternalError("unknown cost of a search");
}

double share_of_floats_time(const Trial& trial) {
  const auto sum_of_medians = [](const Result& result) {
    double sum = 0;
    for (const auto& [what, batches] : result.latency) {
      if (what == "text") continue;  // with prompts they are timed once
      for (const auto& [batch, stats] : batches) sum += stats.median_ms;
    }
    return sum;
  };
  return sum_of_medians(trial.quantized) / sum_of_medians(trial.floating);
}

double cost_of(const Trial& trial, const Candidate& candidate, const OpenedModel& floating,
               const SearchCommandOptions& options) {
  switch (options.minimize) {
    case SearchCost::kSize:
      return static_cast<double>(trial.quantized.model.size_bytes);
    case SearchCost::kLatency:
      return share_of_floats_time(trial);
    case SearchCost::kOperations: {
      ClipModel model = floating.model;
      const Placement placement =
          place_quantizers(model, candidate.recipe, parse_component(options.component));
      return bit_operations(parts_of(model), placement);
    }
  }
  throw InternalError("unknown cost of a search");
}

const char* unit_of(SearchCost cost) {
  switch (cost) {
    case SearchCost::kSize:
      return "bytes";
    case SearchCost::kLatency:
      return "of float's time";
    case SearchCost::kOperations:
      return "bit operations";
  }
  throw InternalError("unknown cost of a search");
}

}  // namespace clipq
