// Runs commands of clipq in forked children, as often as asked, so that none waits for LibTorch to
// be loaded. Each line of stdin is a request, {"arguments": […], "stdout": FILE, "stderr": FILE,
// "seconds": LIMIT, "memory": BYTES}; its answer on stdout is
// {"code": EXIT} or {"signal": NUMBER} or {"timed_out": true}, with "peak": the most bytes that the
// child had allocated at a time, in builds with the address sanitizer.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "clipq/core/json.h"
#include "program.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/allocator_interface.h>
#endif

namespace {

using clipq::Json;

/// In memory that children share with this process.
struct Allocations {
  std::atomic<std::int64_t> now;
  std::atomic<std::int64_t> peak;
};

Allocations* allocations = nullptr;

#ifdef __SANITIZE_ADDRESS__
void on_malloc(const volatile void* /*block*/, std::size_t size) {
  const std::int64_t now = allocations->now += static_cast<std::int64_t>(size);
  std::int64_t peak = allocations->peak;
  while (now > peak && !allocations->peak.compare_exchange_weak(peak, now)) {
  }
}

void on_free(const volatile void* block) {
  allocations->now -=
      static_cast<std::int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(block)));
}
#endif

void redirect(const std::string& file, int to) {
  const int from = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (from < 0 || dup2(from, to) < 0) _exit(126);
  close(from);
}

[[noreturn]] void run_child(const Json& request) {
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  redirect(request.at("stdout"), STDOUT_FILENO);
  redirect(request.at("stderr"), STDERR_FILENO);
  const rlim_t memory = request.at("memory").get<rlim_t>();
  const rlimit limit = {memory, memory};
  if (memory > 0) setrlimit(RLIMIT_AS, &limit);
  std::vector<std::string> words = {"clipq"};
  for (const Json& word : request.at("arguments")) words.push_back(word);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
#ifdef __SANITIZE_ADDRESS__
  allocations->now = 0;
  allocations->peak = 0;
  __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#endif
  exit(clipq::cli::run_program(static_cast<int>(words.size()), argv.data()));
}

/// Waits for the child, and kills it when its time is over. Returns whether it was killed.
bool wait_for(pid_t child, double seconds, int& status) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      kill(-child, SIGKILL);
      waitpid(child, &status, 0);
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

Json answer(const Json& request) {
  const pid_t child = fork();
  if (child < 0) return {{"failure", errno}};
  if (child == 0) {
    setpgid(0, 0);
    run_child(request);
  }
  setpgid(child, child);
  int status = 0;
  const bool timed_out = wait_for(child, request.at("seconds"), status);
  Json out = {{"peak", allocations->peak.load()}};
  if (timed_out) {
    out["timed_out"] = true;
  } else if (WIFSIGNALED(status)) {
    out["signal"] = WTERMSIG(status);
  } else {
    out["code"] = WEXITSTATUS(status);
  }
  return out;
}

}  // namespace

int main() {
  void* shared =
      mmap(nullptr, sizeof(Allocations), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  allocations = new (shared) Allocations();
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << answer(Json::parse(line)).dump() << std::endl;
  }
  return 0;
}
