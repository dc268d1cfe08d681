#include "own_errors.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <new>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/memory.h"
#include "clipq/core/strings.h"

namespace clipq {

void with_own_errors(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error&) {
    throw;
  } catch (const std::filesystem::filesystem_error& failure) {
    throw InputError(describe(failure));
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) throw std::bad_alloc();
    const auto* torch = dynamic_cast<const c10::Error*>(&failure);
    throw InternalError(cat("internal error: ",
                            torch != nullptr ? torch->what_without_backtrace() : failure.what()));
  }
}

}  // namespace clipq
