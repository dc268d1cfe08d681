#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace clipq {

/// What work in a child process may do.
struct SandboxLimits {
  std::uint64_t memory_bytes = 0;  ///< address space beyond what this process has
  double seconds = 0;              ///< of wall time and of processor time
  /// Whether the child is kept from writing files, opening sockets and starting programs. Without
  /// it only memory and time are limited.
  bool confined = true;
};

/// What came of it.
struct SandboxOutcome {
  enum class Kind {
    kDone,         ///< `output` is what the work returned
    kThrew,        ///< `reason` is the exception's text
    kOutOfMemory,  ///< it asked for more than `limits` give it
    kNoMemory,     ///< the machine, or a limit on this process, has no more
    kOutOfTime,
    kEnded,      ///< the child ended or was ended by a signal before it had an answer
    kNoSandbox,  ///< this machine can't confine a process; nothing was run
  };

  Kind kind = Kind::kEnded;
  std::string output;
  std::string reason;  ///< in words, unless done
};

/// Runs `work` in a child process, which sees this process's memory as it is now and can't change
/// it, and returns what it returns (64 MiB at most). Work must keep to its own thread: the others
/// aren't there in the child. Confinement is by seccomp (only listed system calls, files only for
/// reading) and, where the kernel has it, by Landlock.
/// Throws Interrupted if this process is; then the child is gone, as it is if this process dies.
SandboxOutcome run_in_sandbox(const std::function<std::string()>& work,
                              const SandboxLimits& limits);

}  // namespace clipq
