#include "clipq/app/run_command.h"

#include <utility>

#include "clipq/app/compare_command.h"
#include "clipq/app/report_command.h"
#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/core/atomic_file.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "run_choice.h"
#include "run_item.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// Runs the items in order.
class Runner {
 public:
  Runner(const RunOptions& options, RunFile run)
      : context_{options, std::move(run), RunInputs(options)} {
    report_.name = context_.run.name;
    report_.skipped = leave_out_unbound(context_.run);
    const std::vector<RunCheckpoint>& checkpoints = context_.run.checkpoints;
    for (const RunCheckpoint& each : checkpoints) {
      const bool alone = checkpoints.size() == 1;
      subjects_.push_back(std::make_unique<RunSubject>(
          RunSubject{each,
                     alone ? options.folder : options.folder / each.name,
                     alone ? "" : each.name + ".",
                     {{each.path, sha256_of(checkpoint_files(each.path))}},
                     {}}));
    }
  }

  RunReport run(RunFolder& folder) {
    add_items(folder.models());
    do_items(folder);
    for (const auto& subject : subjects_) finish(*subject);
    if (subjects_.size() > 1) write_results(context_.options.folder, report_);
    return std::move(report_);
  }

 private:
  /// Timing comes last, when there is no other work.
  void add_items(const fs::path& models) {
    const RunFile& run = context_.run;
    for (const auto& subject : subjects_) {
      for (const RunRecipe& recipe : run.recipes) {
        for (const std::string& component : run.components) {
          items_.push_back(quantize_item(context_, *subject, recipe, component, models));
        }
      }
    }
    for (const auto& subject : subjects_) {
      for (const RunTask& task : run.tasks) items_.push_back(task_item(context_, *subject, task));
    }
    for (const auto& subject : subjects_) {
      if (run.bench) items_.push_back(bench_item(context_, *subject));
    }
  }

  void do_items(RunFolder& folder) {
    std::vector<PartCost> costs;
    for (const auto& item : items_) costs.push_back(item->cost());
    OverallProgress progress(std::move(costs));
    for (const auto& item : items_) {
      bool worked = true;
      try {
        progress.begin();
        worked = do_item(*item, folder, progress);
      } catch (const Interrupted&) {
        log::info(cat("run: the same command with --resume continues with: ", item->title()));
        throw;
      } catch (const std::exception& exception) {
        fail(item->name(), item->subject(), exception);
      }
      progress.end(worked);
    }
  }

  /// Returns whether there was anything to do.
  static bool do_item(const RunItem& item, RunFolder& folder, const OverallProgress& progress) {
    const Json inputs = item.inputs();
    if (const auto outcome = folder.finished(item.name(), inputs)) {
      log::info(cat("run: ", item.title(), ": already finished"));
      item.accept(*outcome);
      return false;
    }
    log::info(cat("run: ", progress.text(), ": ", item.title()));
    const bool begun_before = folder.begin(item.name(), inputs);
    const RunOutcome outcome = item.make(begun_before);
    folder.finish(item.name(), inputs, outcome.json, outcome.files);
    // As read from the record, so that it makes no difference when the item was done.
    item.accept(parse_json(json_text(outcome.json), item.name()));
    return true;
  }

  void fail(const std::string& item, const RunSubject& subject, const std::exception& exception) {
    report_.failed.push_back({item, subject.checkpoint.name, failure_of(exception)});
    log::error(cat("run: ", item,
                   " failed, continuing with the rest: ", report_.failed.back().failure.message));
  }

  /// Writes what there is about a checkpoint.
  void finish(RunSubject& subject) {
    make_folder(subject.folder);
    remove_earlier(subject.folder);
    for (const FailedItem& each : report_.failed) {
      if (subject.results.empty() || each.checkpoint != subject.checkpoint.name) continue;
      subject.results[0].warnings.push_back(cat(each.item, " failed: ", each.failure.message));
    }
    RunReport own = report_;
    own.results = subject.results;
    write_results(subject.folder, own);
    if (context_.run.gates && !subject.results.empty()) check_gates(subject);
    if (!subject.results.empty()) {
      write_report(subject.results, subject.folder,
                   cat(report_.name, ": ", subject.models[0].file.filename().string()));
    }
    report_.results.insert(report_.results.end(), subject.results.begin(), subject.results.end());
  }

  /// Files of an earlier run that this one may not write.
  static void remove_earlier(const fs::path& folder) {
    for (const char* name : {"gates.json", "report.json", "report.md", "report.html"}) {
      fs::remove(folder / name);
    }
    remove_abandoned_files(folder);
  }

  static void write_results(const fs::path& folder, const RunReport& report) {
    write_file(folder / "results.json", json_text(to_json(report)));
  }

  void check_gates(const RunSubject& subject) {
    const fs::path results = subject.folder / "results.json";
    try {
      const ComparisonReport compared = compare({{results}, {results}, *context_.run.gates});
      write_file(subject.folder / "gates.json", json_text(to_json(compared)));
      report_.gates.push_back(compared);
    } catch (const Error& failure) {
      fail(subject.prefix + "gates", subject, failure);
    }
  }

  RunContext context_;
  std::vector<std::unique_ptr<RunSubject>> subjects_;
  std::vector<std::unique_ptr<RunItem>> items_;
  RunReport report_;
};

}  // namespace

void RunReport::require_success() const {
  std::vector<std::string> texts;
  for (const FailedItem& each : failed) texts.push_back(cat(each.item, ": ", each.failure.message));
  if (!failed.empty()) {
    throw RunError(failed.front().failure.code,
                   cat(failed.size(), failed.size() == 1 ? " item" : " items",
                       " of the run failed: ", join(texts, "; "),
                       "; fix the cause and continue with --resume"));
  }
  texts.clear();
  for (const ComparisonReport& each : gates) {
    if (!each.passed()) texts.push_back(broken_gates(each));
  }
  if (!texts.empty()) throw GateError(join(texts, "; "));
}

RunReport run(const RunOptions& options) {
  Runner runner(options, load_run(options.run, options.settings));
  RunFolder folder(options.folder, options.earlier);
  return runner.run(folder);
}

Json to_json(const RunReport& report) {
  Json json = results_document(report.results);
  json["run"] = {{"name", report.name}, {"failed", Json::array()}, {"skipped", report.skipped}};
  for (const FailedItem& each : report.failed) {
    json["run"]["failed"].push_back({{"item", each.item},
                                     {"message", each.failure.message},
                                     {"exit_code", static_cast<int>(each.failure.code)}});
  }
  return json;
}

}  // namespace clipq
