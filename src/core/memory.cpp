#include "clipq/core/memory.h"

#include <malloc.h>

namespace clipq {

void return_large_blocks_to_system() {
#ifdef __GLIBC__
  constexpr int kBlockBytes = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, kBlockBytes);
#endif
}

void return_free_memory_to_system() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace clipq
