#include "clipq/quant/algorithm.h"

#include "clipq/core/find_named.h"

namespace clipq {

const std::vector<AlgorithmInfo>& algorithms() {
  static const std::vector<AlgorithmInfo> table = {
      {"equalize",
       "moves channels' magnitudes from activations into weights (SmoothQuant; data-free from "
       "LayerNorm's parameters and convolutions' weights), exact in float",
       make_equalize},
      {"cross_layer_equalization",
       "evens out the channels between the convolutions of a ResNet's stem and bottlenecks, exact "
       "in "
       "float, no data needed",
       make_cross_layer_equalization},
      {"awq",
       "scales weight columns by their input's magnitude, the exponent searched per layer (AWQ), "
       "exact in float",
       make_awq},
      {"weight_clip", "clips each weight scale's range where the squared error is smallest",
       make_weight_clip},
      {"gptq", "rounds weights column by column, later columns making up for the error (GPTQ)",
       make_gptq},
      {"bias_correction", "adds the mean error of each output channel to the bias",
       make_bias_correction},
  };
  return table;
}

std::shared_ptr<const Algorithm> make_algorithm(const Json& entry, const std::string& where) {
  const Json options = entry.is_string() ? Json({{"name", entry}}) : entry;
  if (!options.is_object()) {
    throw UsageError(
        cat(where, ": got ", entry.dump(), ", expected a name or an object with \"name\""));
  }
  const auto name = json_value<std::string>(options, "name", "", where);
  if (name.empty()) throw UsageError(cat(where, ": \"name\" is missing or empty"));
  return find_named(algorithms(), name, "algorithm", where)
      .make(options, cat(where, " (", name, ")"));
}

}  // namespace clipq
