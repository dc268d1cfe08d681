#pragma once

#include <string>
#include <vector>

#include "clipq/kernels/float_path.h"
#include "clipq/kernels/integer_path.h"

namespace clipq {

/// A way to compute linear layers, of either kind.
struct KernelPath {
  const char* name;
  const char* comment;
  bool (*supported)();                   ///< by this processor
  const IntegerPath* integer = nullptr;  ///< for INT8 weights with INT8 inputs
  const FloatPath* floats = nullptr;     ///< for the others
};

/// Why no kernels compute a layer from the codes of such a weight, in words; empty if some do.
/// @param input absent if it isn't quantized
std::string why_not_native(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input);

/// All paths of both kinds.
const std::vector<KernelPath>& kernel_paths();

/// The path of that name. Throws UsageError with the valid names, or if the processor lacks it.
const KernelPath& find_kernel_path(const std::string& name, const std::string& where);

}  // namespace clipq
