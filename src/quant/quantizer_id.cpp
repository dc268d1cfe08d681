#include "clipq/quant/quantizer_id.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

const char* name_of(Role role) {
  switch (role) {
    case Role::kWeight:
      return "weight_quantizer";
    case Role::kInput:
      return "input_quantizer";
    case Role::kQBmm:
      return "q_bmm_quantizer";
    case Role::kKBmm:
      return "k_bmm_quantizer";
    case Role::kSoftmax:
      return "softmax_quantizer";
    case Role::kVBmm:
      return "v_bmm_quantizer";
    case Role::kBmm2Output:
      return "bmm2_output_quantizer";
  }
  throw InternalError("a role without a name");
}

std::string QuantizerId::name() const { return cat(layer, ".", name_of(role)); }

std::optional<QuantizerId> parse_quantizer_id(const std::string& name) {
  for (const Role role : kRoles) {
    const std::string ending = cat(".", name_of(role));
    if (name.ends_with(ending))
      return QuantizerId{name.substr(0, name.size() - ending.size()), role};
  }
  return std::nullopt;
}

}  // namespace clipq
