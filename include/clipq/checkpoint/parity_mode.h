#pragma once

namespace clipq {

/// How a checkpoint's own code is run.
enum class ParityMode {
  kSandbox,  ///< run in a child process that can do no harm
  kRun,      ///< run in a child process with the rights of this one
  kSkip      ///< not run
};

}  // namespace clipq
