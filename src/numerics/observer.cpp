#include "clipq/numerics/observer.h"

#include "clipq/core/find_named.h"
#include "clipq/core/parse_number.h"

namespace clipq {
namespace {

/// What "name:parameter" says.
struct ParsedName {
  const ObserverInfo& info;
  double parameter;
};

double parse_parameter(const ObserverInfo& info, const std::string& text,
                       const std::string& where) {
  if (info.parameter == 0) {
    throw UsageError(cat(where, ": observer \"", info.name, "\" takes no parameter, got \"", text,
                         "\"; write \"", info.name, "\" alone"));
  }
  const auto value = parse_number<double>(text);
  if (value && *value > info.parameter_above && *value <= info.parameter_at_most) return *value;
  throw UsageError(cat(where, ": the parameter of observer \"", info.name,
                       "\" must be a number above ", info.parameter_above, " and at most ",
                       info.parameter_at_most, ", got \"", text, "\"; the default is ",
                       info.parameter));
}

ParsedName parse_name(const std::string& name, const std::string& where) {
  const std::size_t colon = name.find(':');
  const ObserverInfo& info = find_named(observers(), name.substr(0, colon), "observer", where);
  if (colon == std::string::npos) return {info, info.parameter};
  return {info, parse_parameter(info, name.substr(colon + 1), where)};
}

}  // namespace

const std::vector<ObserverInfo>& observers() {
  static const std::vector<ObserverInfo> table = {
      {"max", "the smallest and largest finite value seen", false, false, 0, 0, 0,
       make_max_observer},
      {"moving-average",
       "a moving average of inputs' ranges, \":0.01\" being the newest one's share; texts of one "
       "length are an input",
       false, true, 0.01, 0, 1, make_moving_average_observer},
      {"percentile", "the range that holds \":99.99\" % of the values", false, false, 99.99, 50,
       100, make_percentile_observer},
      {"entropy", "the range with the least KL divergence of quantized values; integers only", true,
       false, 0, 0, 0, make_entropy_observer},
      {"mse", "the range with the least squared error of quantized values", false, false, 0, 0, 0,
       make_mse_observer},
  };
  return table;
}

std::unique_ptr<Observer> make_observer(const std::string& name, const QuantizerSpec& spec) {
  require_observer_for(name, spec, "observer");
  const ParsedName parsed = parse_name(name, "observer");
  return parsed.info.make(spec, parsed.parameter);
}

const ObserverInfo& observer_info(const std::string& name, const std::string& where) {
  return parse_name(name, where).info;
}

void require_observer(const std::string& name, const std::string& where) {
  parse_name(name, where);
}

void require_observer_for(const std::string& name, const QuantizerSpec& spec,
                          const std::string& where) {
  const ObserverInfo& info = observer_info(name, where);
  const FormatInfo& format = format_info(spec.format);
  if (info.integers_only && format.is_float) {
    throw UsageError(cat(where, ": observer \"", info.name, "\" is for integer formats, got ",
                         format.name, "; use \"mse\" or \"percentile\" instead"));
  }
}

}  // namespace clipq
