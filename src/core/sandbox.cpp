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
#include <new>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "confinement.h"

namespace clipq {
namespace {

using Kind = SandboxOutcome::Kind;

constexpr std::size_t kMostOutput = 64U << 20U;
constexpr int kAnswer = 3;  ///< the child's descriptor for its answer
constexpr int kPollMilliseconds = 100;

/// What stands before an answer.
enum Status : char { kReturned = 'r', kException = 'e', kNoMemory = 'm', kUnconfined = 'u' };

std::uint64_t address_space_bytes() {
  unsigned long pages = 0;
  if (std::FILE* statm = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(statm, "%lu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  return std::uint64_t{pages} * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void limit(int resource, std::uint64_t value) {
  const rlimit both = {value, value};
  setrlimit(static_cast<__rlimit_resource_t>(resource), &both);
}

/// Leaves nothing open but silence on 0 to 2 and the answer's pipe.
void keep_only_the_answer(int answer) {
  const int silence = open("/dev/null", O_RDWR);
  if (answer != kAnswer) dup2(answer, kAnswer);
  for (int descriptor = 0; descriptor < kAnswer; ++descriptor) dup2(silence, descriptor);
  syscall(SYS_close_range, kAnswer + 1, ~0U, 0);
}

void limit_this_process(const SandboxLimits& limits) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, static_cast<std::uint64_t>(std::ceil(limits.seconds)));
  limit(RLIMIT_AS, address_space_bytes() + limits.memory_bytes);
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
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXFSZ}) std::signal(signal, SIG_DFL);
  keep_only_the_answer(pipe_end);
  try {
    limit_this_process(limits);
    const std::string hindrance = limits.confined ? confine_this_process() : "";
    if (hindrance.empty()) {
      answer(kReturned, work());
    } else {
      answer(kUnconfined, hindrance);
    }
  } catch (const std::bad_alloc&) {
    answer(kNoMemory, "");
  } catch (const std::exception& exception) {
    answer(kException, exception.what());
  } catch (...) {
    answer(kException, "an exception without a text");
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

  /// Reads until the child has closed its end. Returns false if time ran out or there was too much.
  bool read_all(std::string& text, double seconds) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    char buffer[1 << 16];
    while (text.size() <= kMostOutput) {
      throw_if_interrupted();
      pollfd waiting = {answer_, POLLIN, 0};
      const int ready = poll(&waiting, 1, kPollMilliseconds);
      if (std::chrono::steady_clock::now() > end) return false;
      if (ready <= 0) continue;
      const ssize_t got = read(answer_, buffer, sizeof(buffer));
      if (got == 0) return true;
      if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    }
    return false;
  }

  /// The status that the child ended with, as waitpid gives it.
  int wait() {
    int status = 0;
    while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    return status;
  }

 private:
  void end() {
    if (id_ == 0) return;
    kill(id_, SIGKILL);
    wait();
  }

  pid_t id_;
  int answer_;
};

SandboxOutcome out_of_time(double seconds) {
  return {Kind::kOutOfTime, "", cat("it had not ended after ", duration_text(seconds))};
}

SandboxOutcome outcome_of(const std::string& text, int status, const SandboxLimits& limits) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGXCPU || signal == SIGKILL) return out_of_time(limits.seconds);
    return {Kind::kEnded, "", cat("it was ended by signal ", signal, " (", strsignal(signal), ")")};
  }
  if (text.empty()) return {Kind::kEnded, "", "it ended its process"};
  switch (text.front()) {
    case kReturned:
      return {Kind::kDone, text.substr(1), ""};
    case kNoMemory:
      return {Kind::kOutOfMemory, "",
              cat("it asked for more than ",
                  mebibytes(static_cast<std::int64_t>(limits.memory_bytes)), " of memory")};
    case kUnconfined:
      return {Kind::kNoSandbox, "", text.substr(1)};
    default:
      return {Kind::kThrew, "", text.substr(1)};
  }
}

}  // namespace

SandboxOutcome run_in_sandbox(const std::function<std::string()>& work,
                              const SandboxLimits& limits) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw InternalError(cat("cannot make a pipe: ", std::strerror(errno)));
  }
  const pid_t parent = getpid();
  const pid_t id = fork();
  if (id == 0) be_the_child(work, limits, parent, ends[1]);
  close(ends[1]);
  if (id < 0) {
    close(ends[0]);
    return {Kind::kNoSandbox, "", cat("no child process can be made: ", std::strerror(errno))};
  }
  Child child(id, ends[0]);
  std::string text;
  if (!child.read_all(text, limits.seconds)) return out_of_time(limits.seconds);
  return outcome_of(text, child.wait(), limits);
}

}  // namespace clipq
