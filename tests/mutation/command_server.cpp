// Runs commands of clipq one after the other, as often as asked, so that none waits for LibTorch to
// be loaded. Each line of stdin is a request, {"arguments": […], "stdout": FILE, "stderr": FILE};
// its answer on stdout is {"code": EXIT, "peak": BYTES}: the most that the command had allocated at
// a time, in builds with the address sanitizer. A command that crashes ends the server. Its only
// argument is the most bytes of address space that it may use, 0 for no limit.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "program.h"

#ifdef __SANITIZE_ADDRESS__
// Of <sanitizer/allocator_interface.h>, which GCC's packages lack.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           std::size_t),
                                                         void (*on_free)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void* block);
#endif

namespace {

using clipq::Json;

std::atomic<std::int64_t> allocated = 0;
std::atomic<std::int64_t> most_allocated = 0;

#ifdef __SANITIZE_ADDRESS__
void on_malloc(const volatile void* /*block*/, std::size_t size) {
  const std::int64_t now = allocated += static_cast<std::int64_t>(size);
  std::int64_t most = most_allocated;
  while (now > most && !most_allocated.compare_exchange_weak(most, now)) {
  }
}

void on_free(const volatile void* block) {
  allocated -= static_cast<std::int64_t>(__sanitizer_get_allocated_size(block));
}

void count_allocations() { __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free); }
#else
void count_allocations() {}
#endif

void redirect(const std::string& file, int to) {
  const int from = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (from < 0 || dup2(from, to) < 0) std::abort();
  close(from);
}

void flush_all() {
  std::cout.flush();
  std::cerr.flush();
  std::cout.clear();
  std::cerr.clear();
  std::fflush(nullptr);
}

Json answer(const Json& request) {
  redirect(request.at("stdout"), STDOUT_FILENO);
  redirect(request.at("stderr"), STDERR_FILENO);
  std::vector<std::string> words = {"clipq"};
  for (const Json& word : request.at("arguments")) words.push_back(word);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  allocated = 0;
  most_allocated = 0;
  const int code = clipq::cli::run_program(static_cast<int>(words.size()), argv.data());
  flush_all();
  return {{"code", code}, {"peak", most_allocated.load()}};
}

}  // namespace

int main(int argc, char** argv) {
  const rlim_t memory = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 0;
  const rlimit limit = {memory, memory};
  if (memory > 0) setrlimit(RLIMIT_AS, &limit);
  std::FILE* answers = fdopen(dup(STDOUT_FILENO), "w");
  if (answers == nullptr) return 1;
  count_allocations();
  for (std::string line; std::getline(std::cin, line);) {
    std::fprintf(answers, "%s\n", answer(Json::parse(line)).dump().c_str());
    std::fflush(answers);
  }
  return 0;
}
