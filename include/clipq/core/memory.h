#pragma once

#include <exception>

namespace clipq {

/// Whether the exception says that memory, or threads, couldn't be had: std::bad_alloc, the
/// system's ENOMEM and EAGAIN, and the words of libraries that have no type for it (LibTorch,
/// OpenCV). Callers that take an exception for a defect of what they read let such a one through.
bool is_out_of_memory(const std::exception& exception);

/// Makes freed blocks of a MiB or more go back to the system at once, instead of staying in a heap
/// that fragments: for work that replaces a model's weights one by one, where peak memory counts
/// more than speed. Lasts as long as the process. Does nothing where malloc isn't glibc's.
void return_large_blocks_to_system();

/// Gives what has been freed back to the system, so that the resident memory is what is in use.
/// Does nothing where malloc isn't glibc's.
void return_free_memory_to_system();

}  // namespace clipq
