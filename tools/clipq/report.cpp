#include <iostream>

#include "clipq/app/report_command.h"
#include "subcommands.h"

namespace clipq::cli {

void add_report(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand(
      "report", "write report.json, report.md and report.html from Results of eval and bench");
  auto options = std::make_shared<ReportOptions>();
  command
      ->add_option("results", options->results,
                   "Result JSON of eval, bench or CLIP_benchmark; the first model is the baseline")
      ->type_name(kFileType)
      ->required();
  command->add_option("-o,--output", options->folder, "folder to write to; created if missing")
      ->type_name(kFolderType)
      ->required();
  command->add_option("--title", options->title, "the report's title");
  command->callback([options, &common] {
    report(*options);
    if (common.json) {
      std::cout << json_text({{"report", (options->folder / "report.html").string()}});
    } else {
      std::cout << "wrote " << (options->folder / "report.html").string() << "\n";
    }
  });
}

}  // namespace clipq::cli
