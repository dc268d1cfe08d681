#include "clipq/kernels/kernel_path.h"

#include "clipq/kernels/dequantized_linear.h"
#include "clipq/kernels/integer_linear.h"
#include "find_supported.h"

namespace clipq {

std::string why_not_native(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input,
                           bool has_windows) {
  const std::string reason = why_not_integer(weight, input);
  if (reason.empty()) return "";
  if (!has_windows) return why_not_dequantized(input);
  const bool is_int8 = weight.format == Format::kInt8 && input && input->format == Format::kInt8;
  return is_int8 ? reason : "only INT8 convolutions have kernels";
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
