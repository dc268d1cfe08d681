#include "clipq/core/memory.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <system_error>

namespace clipq {
namespace {

/// Texts of what() when memory or threads run out; no other error uses these words.
constexpr std::array<std::string_view, 9> kWords = {"bad_alloc",
                                                    "not enough memory",
                                                    "can't allocate memory",
                                                    "Cannot allocate memory",
                                                    "could not allocate",
                                                    "Insufficient memory",
                                                    "unable to mmap",
                                                    "Resource temporarily unavailable",
                                                    "failed mapping"};

/// Whether oneDNN could make no code for a primitive that it has; it has none where it says that it
/// "could not create a primitive descriptor".
bool lacks_memory_for_primitive(std::string_view text) {
  constexpr std::string_view kPrimitive = "could not create a primitive";
  const std::size_t found = text.find(kPrimitive);
  return found != std::string_view::npos &&
         !text.substr(found + kPrimitive.size()).starts_with(" descriptor");
}

}  // namespace

bool is_out_of_memory(const std::exception& exception) {
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) return true;
  if (const auto* system = dynamic_cast<const std::system_error*>(&exception)) {
    return system->code() == std::errc::not_enough_memory ||
           system->code() == std::errc::resource_unavailable_try_again;
  }
  const std::string_view text = exception.what();
  if (lacks_memory_for_primitive(text)) return true;
  return std::any_of(kWords.begin(), kWords.end(), [text](std::string_view words) {
    return text.find(words) != std::string_view::npos;
  });
}

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
