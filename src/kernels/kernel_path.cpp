#include "clipq/kernels/kernel_path.h"

#include "find_supported.h"

namespace clipq {

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
