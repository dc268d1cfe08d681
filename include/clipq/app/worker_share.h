#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "clipq/library/rank_store.h"

namespace clipq {

/// Which part of the work one of several workers does: every count-th shard from `index` on.
struct WorkerShare {
  std::int64_t index = 0;
  std::int64_t count = 1;
  std::string source = {};  ///< of the numbers: an option, or variables; empty: there is one worker

  bool has(std::int64_t shard) const { return shard % count == index; }
};

/// What `--shard I/N` says or, if it is empty, the launcher's variables: RANK and WORLD_SIZE
/// (torchrun), SLURM_ARRAY_TASK_ID and _COUNT, SLURM_PROCID and SLURM_STEP_NUM_TASKS (srun),
/// JOB_COMPLETION_INDEX and JOB_COMPLETIONS (Kubernetes, which doesn't set the latter by itself).
/// Throws UsageError if they aren't such numbers, or one is missing.
WorkerShare worker_share(const std::string& option);

/// Where the launcher's processes meet: MASTER_ADDR and MASTER_PORT, in the store of torchrun's
/// agent (TORCHELASTIC_USE_AGENT_STORE) or in one that rank 0 runs. Nothing if there is one
/// process, if the launcher's don't run at the same time, or, with a warning, without MASTER_ADDR.
/// Throws UsageError if the variables aren't such.
std::optional<RankPlace> rank_place();

}  // namespace clipq
