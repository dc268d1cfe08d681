#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string_view>

#include "clipq/app/failure.h"
#include "clipq/core/memory.h"

namespace {

/// Nothing here may need memory.
void say(std::string_view text) {
  const ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
  static_cast<void>(ignored);
}

/// For exceptions that nothing can catch: in LibTorch's initializers, which run before main(), and
/// in threads of libraries. Running out of memory there is not a defect.
[[noreturn]] void end_program() {
  if (const std::exception_ptr exception = std::current_exception()) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& failure) {
      if (clipq::is_out_of_memory(failure)) {
        say("error: out of memory; use fewer --threads, or free memory\n");
        _exit(static_cast<int>(clipq::ExitCode::kInput));
      }
      say("error: internal error: ");
      say(failure.what());
      say("\n");
    } catch (...) {
      say("error: internal error: an unknown exception\n");
    }
  }
  std::abort();
}

void install() { std::set_terminate(end_program); }

/// Called before the initialisers of all shared libraries.
__attribute__((section(".preinit_array"), used)) void (*install_early)() = install;

}  // namespace
