#pragma once

namespace clipq {

/// Makes freed blocks of a MiB or more go back to the system at once, instead of staying in a heap
/// that fragments: for work that replaces a model's weights one by one, where peak memory counts
/// more than speed. Lasts as long as the process. Does nothing where malloc isn't glibc's.
void return_large_blocks_to_system();

/// Gives what has been freed back to the system, so that the resident memory is what is in use.
/// Does nothing where malloc isn't glibc's.
void return_free_memory_to_system();

}  // namespace clipq
