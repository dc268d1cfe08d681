#include "clipq/core/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/memory.h"
#include "clipq/core/strings.h"
#include "confinement.h"

namespace clipq {
namespace {

using Kind = SandboxOutcome::Kind;

constexpr std::size_t kMostOutput = 64U << 20U;
constexpr int kAnswer = 3;  ///< the child's descriptor for its answer
constexpr int kPollMilliseconds = 100;

/// The first byte of an answer.
enum Status : char {
  kStarted = 's',  ///< the work begins; comes before the others
  kReturned = 'r',
  kException = 'e',
  kBeyondLimit = 'l',
  kMemoryEnded = 'm',
  kUnconfined = 'u'
};

std::uint64_t address_space_bytes() {
  unsigned long pages = 0;
  if (std::FILE* statm = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(statm, "%lu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  return std::uint64_t{pages} * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// @param beyond how far above the limit the process is ended for good
void limit(int resource, std::uint64_t value, std::uint64_t beyond = 0) {
  const rlimit both = {value, value + beyond};
  setrlimit(static_cast<__rlimit_resource_t>(resource), &both);
}

void close_from(int first) {
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  rlimit most = {};
  getrlimit(RLIMIT_NOFILE, &most);
  for (int descriptor = first; descriptor < static_cast<int>(most.rlim_cur); ++descriptor) {
    close(descriptor);
  }
}

/// Closes everything but /dev/null on 0 to 2 and the answer's pipe. Returns false on failure.
bool keep_only_the_answer(int answer) {
  // Out of the way: 0 to 3 may be closed, or the pipe itself.
  const int pipe_end = fcntl(answer, F_DUPFD, kAnswer + 1);
  const int opened = open("/dev/null", O_RDWR);
  const int silence = fcntl(opened, F_DUPFD, kAnswer + 1);
  if (pipe_end < 0 || silence < 0 || dup2(pipe_end, kAnswer) < 0) return false;
  for (int descriptor = 0; descriptor < kAnswer; ++descriptor) {
    if (dup2(silence, descriptor) < 0) return false;
  }
  close_from(kAnswer + 1);
  return true;
}

/// @return whether an existing limit is lower than the one on memory
bool limit_this_process(const SandboxLimits& limits) {
  limit(RLIMIT_CORE, 0);
  if (limits.confined) limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, static_cast<std::uint64_t>(std::ceil(limits.seconds)), 5);
  rlimit before = {};
  getrlimit(RLIMIT_AS, &before);
  const std::uint64_t most = address_space_bytes() + limits.memory_bytes;
  if (before.rlim_cur < most) return true;
  limit(RLIMIT_AS, most);
  return false;
}

void answer(Status status, const std::string& text) {
  const std::string all = static_cast<char>(status) + text;
  std::size_t done = 0;
  while (done < all.size()) {
    const ssize_t written = write(kAnswer, all.data() + done, all.size() - done);
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
}

[[noreturn]] void be_the_child(const std::function<std::string()>& work,
                               const SandboxLimits& limits, pid_t parent, int pipe_end) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  // The parent kills it when a signal arrives; without a terminal it can't read the user's keys.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_IGN);
  std::signal(SIGXFSZ, SIG_DFL);
  setsid();
  if (!keep_only_the_answer(pipe_end)) _exit(1);
  const bool has_lower_limit = limit_this_process(limits);
  try {
    const std::string hindrance = limits.confined ? confine_this_process() : "";
    if (!hindrance.empty()) {
      answer(kUnconfined, hindrance);
      _exit(0);
    }
    answer(kStarted, "");
    answer(kReturned, work());
  } catch (const std::exception& exception) {
    if (is_out_of_memory(exception)) {
      answer(has_lower_limit ? kMemoryEnded : kBeyondLimit, "");
    } else {
      answer(kException, exception.what());
    }
  } catch (...) {
    answer(kException, "an exception without a message");
  }
  _exit(0);
}

/// A child process; killed and waited for when the object goes.
class Child {
 public:
  Child(pid_t id, int answer) : id_(id), answer_(answer) {}
  ~Child() {
    close(answer_);
    end();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Reads until the child has closed its end, and waits until it has ended.
  /// @param status as returned by waitpid
  /// Returns false if time ran out or there was too much.
  bool finish(std::string& text, int& status, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    char buffer[1 << 16];
    bool open = true;
    while (text.size() <= kMostOutput && std::chrono::steady_clock::now() < end) {
      throw_if_interrupted();
      if (!open) {
        const pid_t ended = waitpid(id_, &status, WNOHANG);
        // A host that ignores SIGCHLD, or waits for any child, has taken the status.
        const bool taken = ended < 0 && errno == ECHILD;
        if (ended == id_ || taken) {
          if (taken) status = 0;
          id_ = 0;
          return true;
        }
        poll(nullptr, 0, kPollMilliseconds / 10);
        continue;
      }
      pollfd waiting = {answer_, POLLIN, 0};
      if (poll(&waiting, 1, kPollMilliseconds) <= 0) continue;
      const ssize_t got = read(answer_, buffer, sizeof(buffer));
      if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
      open = got != 0;
    }
    return false;
  }

 private:
  void end() {
    if (id_ == 0) return;
    kill(id_, SIGKILL);
    while (waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  pid_t id_;
  int answer_;
};

SandboxOutcome out_of_time(double seconds) {
  return {Kind::kOutOfTime, "", cat("it had not finished after ", duration_text(seconds))};
}

/// Whether this process, and so its children, may have only so much memory. Libraries that don't
/// look at what an allocation returns then end with a segmentation fault.
bool is_limited() {
  rlimit most = {};
  return getrlimit(RLIMIT_AS, &most) == 0 && most.rlim_cur != RLIM_INFINITY;
}

SandboxOutcome outcome_of(const std::string& text, int status, const SandboxLimits& limits) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGXCPU) return out_of_time(limits.seconds);
    if (signal == SIGKILL)
      return {Kind::kNoMemory, "", "the system killed it because memory ran out"};
    if (signal == SIGSEGV && is_limited()) return {Kind::kNoMemory, "", "memory ran out"};
    return {Kind::kEnded, "",
            cat("it was killed by signal ", signal, " (", strsignal(signal), ")")};
  }
  if (!text.empty() && text[0] == kUnconfined) return {Kind::kNoSandbox, "", text.substr(1)};
  if (text.size() < 2 || text[0] != kStarted) return {Kind::kEnded, "", "it exited"};
  const std::string content = text.substr(2);
  switch (text[1]) {
    case kReturned:
      return {Kind::kDone, content, ""};
    case kMemoryEnded:
      return {Kind::kNoMemory, "", "memory ran out"};
    case kBeyondLimit:
      return {Kind::kOutOfMemory, "",
              cat("it asked for more than ",
                  mebibytes(static_cast<std::int64_t>(limits.memory_bytes)), " of memory")};
    default:
      return {Kind::kThrew, "", content};
  }
}

}  // namespace

SandboxOutcome run_in_sandbox(const std::function<std::string()>& work,
                              const SandboxLimits& limits) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw InternalError(cat("cannot create a pipe: ", std::strerror(errno)));
  }
  const pid_t parent = getpid();
  const pid_t id = fork();
  if (id == 0) be_the_child(work, limits, parent, ends[1]);
  close(ends[1]);
  if (id < 0) {
    close(ends[0]);
    return {Kind::kNoSandbox, "", cat("cannot create a child process: ", std::strerror(errno))};
  }
  Child child(id, ends[0]);
  std::string text;
  int status = 0;
  if (!child.finish(text, status, limits.seconds)) return out_of_time(limits.seconds);
  throw_if_interrupted();
  return outcome_of(text, status, limits);
}

}  // namespace clipq
