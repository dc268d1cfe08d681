#include "clipq/model/state_digest.h"

#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {

std::string sha256_of(const StateDict& state) {
  Sha256 hash;
  for (const auto& [name, tensor] : state) {
    const std::string head =
        cat(name, " ", at::toString(tensor.scalar_type()), " ", tensor.sizes(), "\n");
    hash.update(head.data(), head.size());
    const at::Tensor values = tensor.contiguous();
    hash.update(values.const_data_ptr(), values.nbytes());
  }
  return hash.finish();
}

}  // namespace clipq
