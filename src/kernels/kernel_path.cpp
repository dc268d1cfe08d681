#include "clipq/kernels/kernel_path.h"

#include "clipq/kernels/dequantized_linear.h"
#include "clipq/kernels/integer_linear.h"
#include "find_supported.h"

namespace clipq {

std::string why_not_native(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input) {
  return why_not_integer(weight, input).empty() ? "" : why_not_dequantized(input);
}

const std::vector<KernelPath>& kernel_paths() {
  static const std::vector<KernelPath> paths = [] {
    std::vector<KernelPath> all;
    for (const IntegerPath& path : integer_paths()) {
      all.push_back({path.name, path.comment, path.supported, &path, nullptr});
    }
    for (const FloatPath& path : float_paths()) {
      all.push_back({path.name, path.comment, path.supported, nullptr, &path});
    }
    return all;
  }();
  return paths;
}

const KernelPath& find_kernel_path(const std::string& name, const std::string& where) {
  return find_supported(kernel_paths(), name, "kernels", where);
}

}  // namespace clipq
