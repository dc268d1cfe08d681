#include "clipq/core/memory.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <system_error>

namespace clipq {
namespace {

TEST(IsOutOfMemory, KnowsItInAllItsForms) {
  EXPECT_TRUE(is_out_of_memory(std::bad_alloc()));
  EXPECT_TRUE(is_out_of_memory(std::bad_array_new_length()));
  EXPECT_TRUE(is_out_of_memory(std::system_error(ENOMEM, std::generic_category())));
  EXPECT_TRUE(is_out_of_memory(std::system_error(EAGAIN, std::system_category())));
  for (const char* text :
       {"DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes. Error code "
        "12",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
        "unable to mmap 512 bytes from file <clip.pt>: Cannot allocate memory (12)",
        "OpenCV(4.6.0) error: (-4:Insufficient memory) Failed to allocate 1000 bytes",
        "RuntimeError: could not create a primitive\n"}) {
    EXPECT_TRUE(is_out_of_memory(std::runtime_error(text))) << text;
  }
  EXPECT_FALSE(is_out_of_memory(std::system_error(ENOENT, std::system_category())));
  EXPECT_FALSE(is_out_of_memory(
      std::runtime_error("could not create a primitive descriptor for a matmul primitive")));
  EXPECT_FALSE(is_out_of_memory(std::runtime_error("PytorchStreamReader failed reading archive")));
}

}  // namespace
}  // namespace clipq
