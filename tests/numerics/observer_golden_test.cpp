#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor_split.h>
#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/json.h"
#include "clipq/numerics/observer.h"

namespace clipq {
namespace {

/// The values of make_observer_golden.py: sums and quotients of float64, then float32.
at::Tensor values_of(const std::string& shape, std::uint32_t seed, std::int64_t count) {
  const auto uniform = [&seed] {
    seed = seed * 1664525 + 1013904223;
    return seed * 0x1p-32;
  };
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    const double a = uniform();
    const double b = uniform();
    const double c = uniform();
    const double d = uniform();
    const double bell = a + b + c - 1.5;
    const double tails = bell / (d + 0.02);
    double value = bell;
    if (shape == "tails") value = tails;
    if (shape == "lopsided") value = tails < 0 ? tails / 16 : tails;
    if (shape == "positive") value = a / (d + 0.02);
    if (shape == "negative") value = -b / (d + 0.02);
    if (shape == "spikes") value = d < 0.06 ? -0.5 : bell / 8;
    if (shape == "spikes" && d < 0.03) value = -2 - std::floor(c * 16) / 4;
    values.push_back(static_cast<float>(value));
  }
  return at::from_blob(values.data(), {count}, at::kFloat).clone();
}

/// How far an end of the range may lie from the expected one.
double tolerance(const std::string& observer, double bin_width, double expected) {
  if (observer.starts_with("percentile")) return bin_width;  // an edge instead of the value itself
  if (observer == "mse") return 1e-7 * std::abs(expected);   // the same candidate, as float32
  return 0;  // float32 arithmetic, and edges that float32 holds exactly
}

TEST(ObserverGolden, RangesEqualThoseOfNumPy) {
  const Json golden = read_json(CLIPQ_TEST_DATA "/observers.json");
  ASSERT_GE(golden.at("cases").size(), 90U);
  for (const Json& each : golden.at("cases")) {
    const auto name = each.at("observer").get<std::string>();
    QuantizerSpec spec;
    spec.format = parse_format(each.at("format"), "golden");
    spec.scheme = parse_scheme(each.at("scheme"), "golden");
    spec.bits = each.at("bits");
    const auto observer = make_observer(name, spec);
    const at::Tensor values =
        values_of(each.at("values"), each.at("seed"), golden.at("count").get<std::int64_t>());
    for (const at::Tensor& batch : at::tensor_split(values, golden.at("batches").get<int>())) {
      observer->observe(batch);
    }
    const auto low = observer->range().min.item<double>();
    const auto high = observer->range().max.item<double>();
    const double bin_width = each.at("bin_width");
    const double expected_low = each.at("min");
    const double expected_high = each.at("max");
    EXPECT_NEAR(low, expected_low, tolerance(name, bin_width, expected_low)) << each.dump();
    EXPECT_NEAR(high, expected_high, tolerance(name, bin_width, expected_high)) << each.dump();
  }
}

}  // namespace
}  // namespace clipq
