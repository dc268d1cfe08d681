#include "program.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "argument_words.h"
#include "clipq/app/failure.h"
#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/log.h"
#include "clipq/core/progress.h"
#include "clipq/core/version.h"
#include "clipq/data/opencv_settings.h"
#include "console_log.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

void add_common_options(CLI::App& app, CommonOptions& common) {
  app.add_flag("--json", common.json, "print one JSON document to stdout");
  app.add_flag("--quiet", common.quiet, "print only errors to stderr");
  app.add_flag("--verbose", common.verbose, "print more to stderr");
  app.add_option("--log-file", common.log_file, "also write the log to this file")
      ->type_name(kFileType);
  app.add_option("-t,--threads", common.threads, "number of compute threads (default: LibTorch's)")
      ->check(whole_number(1, kMostThreads));
}

void apply(const CommonOptions& common) {
  const LogLevel level = common.quiet     ? LogLevel::kQuiet
                         : common.verbose ? LogLevel::kVerbose
                                          : LogLevel::kNormal;
  log_to_console(level, common.log_file);
  show_progress(!common.quiet);
  if (common.threads > 0) at::set_num_threads(common.threads);
}

int run(int argc, char** argv) {
  CLI::App app(
      "clipq performs post-training quantization of CLIP models and measures its costs and gains.");
  app.name("clipq");
  app.set_version_flag("--version", std::string("clipq ") + kVersion);
  app.require_subcommand(1);
  app.fallthrough();
  CommonOptions common;
  common.command = command_line(argc, argv);
  add_common_options(app, common);
  app.parse_complete_callback([&common] { apply(common); });
  add_quantize(app, common);
  add_eval(app, common);
  add_sensitivity(app, common);
  add_search(app, common);
  add_embed(app, common);
  add_export(app, common);
  add_bench(app, common);
  add_classify(app, common);
  add_compare(app, common);
  add_report(app, common);
  add_run(app, common);
  add_inspect(app, common);
  add_demo(app, common);
  add_list(app, common);
  add_doctor(app, common);
  add_completion(app);
  try {
    std::vector<std::string> words = with_hyphens(app, {argv + 1, argv + argc});
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  std::cout.flush();
  if (!std::cout)
    throw InputError("cannot write all results to standard output; is the disk full?");
  return 0;
}

}  // namespace

int run_program(int argc, char** argv) {
  install_signal_handlers();
  quiet_single_threaded_opencv();
  log_to_console(LogLevel::kNormal, "");
  try {
    return run(argc, argv);
  } catch (const std::exception& exception) {
    const Failure failure = failure_of(exception);
    log::error(failure.message);
    return static_cast<int>(failure.code);
  }
}

}  // namespace clipq::cli
