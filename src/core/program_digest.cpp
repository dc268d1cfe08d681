#include "clipq/core/program_digest.h"

#include "clipq/core/sha256.h"

namespace clipq {

const std::string& program_digest() {
  static const std::string digest = sha256_of_file("/proc/self/exe");
  return digest;
}

}  // namespace clipq
