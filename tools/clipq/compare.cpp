#include "clipq/app/compare_command.h"

#include <iostream>
#include <optional>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// The options as they are written.
struct CompareArguments {
  CompareOptions options;
  std::vector<std::string> max_drop;
  std::vector<std::string> min_speedup;
  std::optional<std::string> max_size_ratio;  ///< an empty text is wrong, not absent
  std::string size_against = "file";
  std::string output;

  CompareOptions parsed() const {
    CompareOptions parsed = options;
    for (const std::string& text : max_drop) parsed.gates.drops.push_back(parse_drop_gate(text));
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
      "compare", "compare new models with a base by their Results; gates decide the exit code");
  auto arguments = std::make_shared<CompareArguments>();
  command
      ->add_option("--base", arguments->options.base,
                   "Result JSON of eval, bench or CLIP_benchmark; the first model is the base")
      ->type_name(kFileType)
      ->required();
  command
      ->add_option("--new", arguments->options.now,
                   "Result JSON of the models to compare; the base among them is passed over")
      ->type_name(kFileType)
      ->required();
  command->add_option("--max-drop", arguments->max_drop,
                      "METRIC=POINTS: the most that a metric may get worse, in percentage points");
  command->add_option("--max-size-ratio", arguments->max_size_ratio,
                      "the most that the new model's size may be of the base's");
  command
      ->add_option("--size-against", arguments->size_against,
                   "what sizes are compared with: file (the base's) or float32 (the parameters)")
      ->check(CLI::IsMember({"file", "float32"}))
      ->capture_default_str();
  command->add_option("--min-speedup", arguments->min_speedup,
                      "S, TOWER=S or TOWER.BATCH=S: the least speed-up");
  command->add_flag("--require-certain", arguments->options.gates.require_certain,
                    "a drop whose 95 % interval reaches beyond its limit breaks the gate");
  command->add_option("-o,--output", arguments->output, "JSON to write")->type_name(kFileType);
  command->callback([arguments, &common] { run_compare(*arguments, common); });
}

}  // namespace clipq::cli
