#include "clipq/app/compare_command.h"

#include <iostream>
#include <optional>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// The options as given on the command line.
struct CompareArguments {
  CompareOptions options;
  std::vector<std::string> max_drop;
  std::vector<std::string> min_speedup;
  std::optional<std::string> max_mixed_drop;
  std::optional<std::string> max_size_ratio;  ///< an empty text is an error, not absence
  std::string size_against = "file";
  std::string output;

  CompareOptions parsed() const {
    CompareOptions parsed = options;
    for (const std::string& text : max_drop) parsed.gates.drops.push_back(parse_drop_gate(text));
    if (max_mixed_drop) parsed.gates.max_mixed_drop = parse_mixed_drop_gate(*max_mixed_drop);
    for (const std::string& text : min_speedup) {
      parsed.gates.speeds.push_back(parse_speed_gate(text));
    }
    if (max_size_ratio) parsed.gates.max_size_ratio = parse_size_gate(*max_size_ratio);
    if (size_against == "float32") parsed.gates.size_reference = SizeReference::kFloat32;
    return parsed;
  }
};

void run_compare(const CompareArguments& arguments, const CommonOptions& common) {
  const CompareOptions options = arguments.parsed();
  if (!arguments.output.empty()) require_writable_target(arguments.output);
  const ComparisonReport report = compare(options);
  const std::string document = json_text(to_json(report));
  if (!arguments.output.empty()) write_file(arguments.output, document);
  std::cout << (common.json ? document : comparison_text(report)) << std::flush;
  if (!report.passed()) throw GateError(broken_gates(report));
}

}  // namespace

void add_compare(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand(
      "compare", "compare the Results of new models with a base; gates determine the exit code");
  auto arguments = std::make_shared<CompareArguments>();
  command
      ->add_option("--base", arguments->options.base,
                   "Result JSON of eval, bench or CLIP_benchmark; the first model is the base")
      ->type_name(kFileType)
      ->required();
  command
      ->add_option("--new", arguments->options.now,
                   "Result JSON of the models to compare; the base, if included, is ignored")
      ->type_name(kFileType)
      ->required();
  command->add_option("--max-drop", arguments->max_drop,
                      "METRIC=POINTS: the most a metric may get worse by, in percentage points");
  command->add_option("--max-mixed-drop", arguments->max_mixed_drop,
                      "the most recall may get worse by, in percentage points, if the base's index "
                      "is searched with the new model's queries (task index_compatibility)");
  command->add_option("--max-size-ratio", arguments->max_size_ratio,
                      "maximum size of the new model, as a fraction of the base's");
  command
      ->add_option("--size-against", arguments->size_against,
                   "reference for sizes: file (the base's) or float32 (the parameters)")
      ->check(CLI::IsMember({"file", "float32"}))
      ->capture_default_str();
  command->add_option("--min-speedup", arguments->min_speedup,
                      "S, TOWER=S or TOWER.BATCH=S: the minimum speed-up");
  command->add_flag("--require-certain", arguments->options.gates.require_certain,
                    "also fail a gate if the 95 % interval of the drop extends beyond its limit");
  command->add_option("-o,--output", arguments->output, "JSON to write")->type_name(kFileType);
  command->callback([arguments, &common] { run_compare(*arguments, common); });
}

}  // namespace clipq::cli
