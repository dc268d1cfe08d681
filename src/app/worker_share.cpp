#include "clipq/app/worker_share.h"

#include <cstdlib>
#include <optional>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// The variables in which a launcher tells a worker its place.
struct Launcher {
  const char* index;
  const char* count;
  const char* present;  ///< variable that tells whether the launcher is at work
  bool together;        ///< whether its workers run at the same time
  const char* first =
      nullptr;  ///< where workers needn't be numbered from 0: the first one's number
};

/// In a Slurm batch script SLURM_PROCID is set, too; SLURM_STEP_NUM_TASKS is only under srun.
constexpr Launcher kLaunchers[] = {
    {"RANK", "WORLD_SIZE", "RANK", true},
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_ID", false,
     "SLURM_ARRAY_TASK_MIN"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_TASKS", true},
    {"JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", "JOB_COMPLETION_INDEX", false},
};

std::int64_t number_of(const std::string& text, const std::string& where) {
  const auto number = parse_number<std::int64_t>(text);
  if (!number || *number < 0) throw UsageError(cat(where, " is \"", text, "\", not a number"));
  return *number;
}

std::int64_t number_in(const char* variable, const Launcher& launcher) {
  const char* text = std::getenv(variable);
  if (text != nullptr) return number_of(text, variable);
  throw UsageError(cat(launcher.present, " is set, but ", variable,
                       " is not; set it, or where the command has --shard, pass --shard $",
                       launcher.index, "/N, where N is the number of workers, or --shard 0/1"));
}

WorkerShare checked(WorkerShare share) {
  if (share.count >= 1 && share.index < share.count) return share;
  throw UsageError(cat(share.source, ": worker ", share.index, " of ", share.count,
                       "; workers are numbered from 0. If only some of them run (a part of a job "
                       "array, say), pass --shard I/N with the number of all"));
}

/// Its value, if it isn't empty.
const char* set_variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? nullptr : text;
}

/// Throws UsageError if the workers aren't numbered from 0: only some of them would notice.
void require_numbers_from_0(const Launcher& launcher) {
  const char* first = launcher.first == nullptr ? nullptr : set_variable(launcher.first);
  if (first == nullptr || std::string(first) == "0") return;
  throw UsageError(cat("workers are numbered from ", first, " (", launcher.first,
                       "), not from 0; number them from 0, or pass --shard I/N with the number of "
                       "all workers"));
}

const Launcher* launcher_at_work() {
  for (const Launcher& launcher : kLaunchers) {
    if (std::getenv(launcher.present) != nullptr) return &launcher;
  }
  return nullptr;
}

WorkerShare share_in(const Launcher& launcher) {
  require_numbers_from_0(launcher);
  return checked({number_in(launcher.index, launcher), number_in(launcher.count, launcher),
                  cat(launcher.index, " and ", launcher.count)});
}

}  // namespace

WorkerShare worker_share(const std::string& option) {
  if (!option.empty()) {
    const std::size_t slash = option.find('/');
    if (slash == std::string::npos) {
      throw UsageError(cat("--shard ", option, ": expected I/N, such as 0/4"));
    }
    return checked({number_of(option.substr(0, slash), "--shard: I"),
                    number_of(option.substr(slash + 1), "--shard: N"), "--shard"});
  }
  const Launcher* launcher = launcher_at_work();
  return launcher == nullptr ? WorkerShare() : share_in(*launcher);
}

std::optional<RankPlace> rank_place() {
  const Launcher* launcher = launcher_at_work();
  if (launcher == nullptr || !launcher->together) return std::nullopt;
  const char* address = set_variable("MASTER_ADDR");
  if (address == nullptr) {
    log::warn(cat(launcher->index,
                  " is set, but MASTER_ADDR is not: this process works alone; set MASTER_ADDR and "
                  "MASTER_PORT for all to share the work"));
    return std::nullopt;
  }
  const WorkerShare share = share_in(*launcher);
  if (share.count == 1) return std::nullopt;
  const char* port = std::getenv("MASTER_PORT");
  const auto number = parse_number<std::uint16_t>(port == nullptr ? "" : port);
  if (!number) {
    throw UsageError(cat("MASTER_ADDR is set, but MASTER_PORT is ",
                         port == nullptr ? "not" : cat("\"", port, "\""),
                         "; set it to the port at which rank 0 can listen"));
  }
  const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  const bool watched = agent != nullptr && std::string(agent) == "True";
  const char* job = std::getenv("TORCHELASTIC_RUN_ID");
  log::info(cat("working as rank ", share.index, " of ", share.count, " (", share.source,
                "), which meet at ", address, ":", *number));
  return RankPlace{.rank = share.index,
                   .count = share.count,
                   .address = address,
                   .port = *number,
                   .hosts = share.index == 0 && !watched,
                   .watched = watched,
                   .job = job == nullptr ? "" : job};
}

}  // namespace clipq
