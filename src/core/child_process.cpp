#include "clipq/core/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr int kSignalledExit = 128;  // as shells count
constexpr int kPollMilliseconds = 200;
constexpr std::chrono::milliseconds kWaitStep(10);

/// Waits until the socket is ready. Throws Interrupted if this process is.
void wait_for(int socket, short events) {
  for (;;) {
    throw_if_interrupted();
    pollfd waiting = {socket, events, 0};
    if (poll(&waiting, 1, kPollMilliseconds) > 0) return;
  }
}

/// What the child does before it becomes the program.
class SpawnActions {
 public:
  SpawnActions(int socket, ChildProcess::Errors errors) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, socket, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, socket, STDOUT_FILENO);
    if (errors == ChildProcess::Errors::kHidden) {
      posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
  }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_ = {};
};

/// A process group of its own: Ctrl-C on a terminal is for this process, which then ends it.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes_, 0);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_ = {};
};

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, Errors errors)
    : name_(arguments.front()) {
  int ends[2];
  // A socket rather than pipes: writing to one whose other end is gone need not raise SIGPIPE.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw InputError(cat("cannot start ", name_, ": ", std::strerror(errno)));
  }
  socket_ = ends[0];
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    words.push_back(const_cast<char*>(argument.c_str()));
  }
  words.push_back(nullptr);
  const SpawnActions actions(ends[1], errors);
  const SpawnAttributes attributes;
  const int failure =
      posix_spawnp(&pid_, words[0], actions.get(), attributes.get(), words.data(), environ);
  close(ends[1]);
  if (failure == 0) return;
  close(socket_);
  throw InputError(cat("cannot start ", name_, ": ", std::strerror(failure)));
}

ChildProcess::~ChildProcess() {
  close(socket_);
  if (pid_ < 0) return;
  kill(-pid_, SIGKILL);  // and what it has started
  has_ended(/*waits=*/true);
}

void ChildProcess::throw_ended() const {
  throw InputError(cat(name_, " ended before it had answered"));
}

void ChildProcess::write(const void* data, std::size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    wait_for(socket_, POLLOUT);
    const ssize_t sent = send(socket_, at, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) throw_ended();
    at += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
}

void ChildProcess::end_input() { shutdown(socket_, SHUT_WR); }

std::size_t ChildProcess::read_some(void* data, std::size_t bytes) {
  for (;;) {
    wait_for(socket_, POLLIN);
    const ssize_t got = recv(socket_, data, bytes, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return 0;
  }
}

void ChildProcess::read(void* data, std::size_t bytes) {
  auto* at = static_cast<char*>(data);
  while (bytes > 0) {
    const std::size_t got = read_some(at, bytes);
    if (got == 0) throw_ended();
    at += got;
    bytes -= got;
  }
}

std::string ChildProcess::read_line() {
  std::string line;
  for (char next = 0;; line += next) {
    read(&next, 1);
    if (next == '\n') return line;
  }
}

std::string ChildProcess::read_all() {
  std::string all;
  char piece[4096];
  while (const std::size_t got = read_some(piece, sizeof(piece))) all.append(piece, got);
  return all;
}

int ChildProcess::wait() {
  while (!has_ended(/*waits=*/false)) {
    throw_if_interrupted();
    std::this_thread::sleep_for(kWaitStep);
  }
  return status_;
}

bool ChildProcess::has_ended(bool waits) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid_, &status, waits ? 0 : WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return false;
  pid_ = -1;
  status_ = WIFSIGNALED(status) ? kSignalledExit + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

}  // namespace clipq
