#include "clipq/numerics/observer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "clipq/core/error.h"
#include "tensors.h"

namespace clipq {
namespace {

using testing::kInfinity;
using testing::kNan;
using testing::random_normal;

QuantizerSpec observed_spec(Format format, Scheme scheme = Scheme::kSymmetric, int bits = 8) {
  QuantizerSpec spec;
  spec.format = format;
  spec.scheme = scheme;
  spec.bits = bits;
  return spec;
}

const QuantizerSpec kSymmetricInt8 = observed_spec(Format::kInt8);
const QuantizerSpec kAffineInt8 = observed_spec(Format::kInt8, Scheme::kAffine);

std::pair<float, float> range_of(const Observer& observer) {
  const Range range = observer.range();
  return {range.min.item<float>(), range.max.item<float>()};
}

std::pair<float, float> range_of(const std::string& name, const QuantizerSpec& spec,
                                 const std::vector<at::Tensor>& batches) {
  const auto observer = make_observer(name, spec);
  for (const at::Tensor& batch : batches) observer->observe(batch);
  return range_of(*observer);
}

using Floats = std::pair<float, float>;

/// The message of the UsageError that `action` throws.
std::string usage_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError& failure) {
    return failure.what();
  }
  return "no UsageError";
}

TEST(MaxObserver, KeepsTheExtremesOfAllBatches) {
  const std::vector<at::Tensor> batches = {at::tensor({1.f, -3.f}), at::tensor({2.f, 0.f})};
  EXPECT_EQ(range_of("max", kSymmetricInt8, batches), Floats(-3, 2));
}

TEST(MovingAverageObserver, MovesTowardsEachBatchFromTheFirst) {
  const std::vector<at::Tensor> batches = {at::tensor({-1.f, 2.f}), at::tensor({0.f, 6.f}),
                                           at::tensor({-5.f, 3.f})};
  EXPECT_EQ(range_of("moving-average:0.5", kAffineInt8, batches), Floats(-2.75f, 3.5f));
  EXPECT_EQ(range_of("moving-average:1", kAffineInt8, batches), Floats(-5, 3));
  const auto [low, high] = range_of("moving-average", kAffineInt8, {batches[0], batches[1]});
  EXPECT_FLOAT_EQ(low, -0.99f);
  EXPECT_FLOAT_EQ(high, 2.04f);
}

TEST(PercentileObserver, LeavesOutTheTailsOfEvenlySpacedValues) {
  const at::Tensor x = at::arange(-5000, 10000).add(0.5f);  // bins of 8
  EXPECT_EQ(range_of("percentile:90", kAffineInt8, {x}), Floats(-3504, 8504));
  // Of |x|, 10000 values are below 5000 and 5000 above: 95 % lie below 9250.
  EXPECT_EQ(range_of("percentile:95", kSymmetricInt8, {x}), Floats(-9256, 9256));
  EXPECT_EQ(range_of("percentile:100", kAffineInt8, {x}), Floats(-4999.5f, 9999.5f));
  EXPECT_EQ(range_of("percentile:100", kSymmetricInt8, {x}), Floats(-9999.5f, 9999.5f));
}

TEST(PercentileObserver, LeavesOutASingleOutlierByDefault) {
  const at::Tensor x = at::cat({random_normal({100000}, 1), at::tensor({1000.f, -1000.f})});
  EXPECT_LT(range_of("percentile", kSymmetricInt8, {x}).second, 5);
  EXPECT_GT(range_of("percentile", kAffineInt8, {x}).first, -5.5);
  EXPECT_EQ(range_of("percentile:99.9999", kSymmetricInt8, {x}).second, 1000);
}

TEST(EntropyObserver, ClipsOutliersAndKeepsAnEvenDistribution) {
  const at::Tensor even = at::arange(-20000, 20000).div(10000);
  const at::Tensor x = at::cat({random_normal({200000}, 2), at::tensor({40.f, -40.f})});
  for (const QuantizerSpec& spec : {kSymmetricInt8, kAffineInt8}) {
    EXPECT_LT(range_of("entropy", spec, {x}).second, 6);
    EXPECT_GT(range_of("entropy", spec, {x}).second, 3);
    EXPECT_GT(range_of("entropy", spec, {even}).second, 1.99f);
  }
}

TEST(EntropyObserver, ExactZerosDoNotCount) {
  const at::Tensor x = random_normal({100000}, 3);
  for (const QuantizerSpec& spec : {kSymmetricInt8, kAffineInt8}) {
    EXPECT_EQ(range_of("entropy", spec, {x, at::zeros({1000000})}), range_of("entropy", spec, {x}));
  }
}

TEST(MseObserver, KeepsValuesThatLieOnTheGrid) {
  const at::Tensor codes = at::arange(-127, 128, at::kFloat);
  EXPECT_EQ(range_of("mse", kSymmetricInt8, {codes}), Floats(-127, 127));
  EXPECT_EQ(range_of("mse", kAffineInt8, {at::arange(-55, 201, at::kFloat)}), Floats(-55, 200));
}

TEST(MseObserver, ClipsOneOutlierOnIntegersButNotOnFloat8) {
  const at::Tensor x = at::cat({random_normal({1000000}, 4), at::tensor({20.f})});
  for (const QuantizerSpec& spec : {kSymmetricInt8, kAffineInt8}) {
    EXPECT_LT(range_of("mse", spec, {x}).second, 12);
    EXPECT_GT(range_of("mse", spec, {x}).second, 3);
  }
  EXPECT_GT(range_of("mse", observed_spec(Format::kFp8E4M3), {x}).second, 12);
}

/// Every observer with a spec that it can calibrate.
std::vector<std::pair<std::string, QuantizerSpec>> all_cases() {
  std::vector<std::pair<std::string, QuantizerSpec>> cases;
  for (const ObserverInfo& info : observers()) {
    cases.emplace_back(info.name, kSymmetricInt8);
    cases.emplace_back(info.name, kAffineInt8);
    if (!info.integers_only) cases.emplace_back(info.name, observed_spec(Format::kFp8E4M3));
  }
  return cases;
}

TEST(Observers, PassOverValuesThatAreNotFinite) {
  const at::Tensor finite = random_normal({500}, 5);
  const at::Tensor all = at::cat({at::tensor({-kInfinity, kNan, kInfinity}), finite});
  for (const auto& [name, spec] : all_cases()) {
    EXPECT_EQ(range_of(name, spec, {at::full({3}, kNan), all, at::full({2}, kInfinity)}),
              range_of(name, spec, {finite}))
        << name << " " << spec.describe();
  }
}

TEST(Observers, HaveNoRangeBeforeTheFirstFiniteValue) {
  for (const auto& [name, spec] : all_cases()) {
    const auto observer = make_observer(name, spec);
    EXPECT_THROW(observer->range(), InternalError) << name;
    observer->observe(at::empty({0, 4}));
    observer->observe(at::tensor({kNan, kInfinity}));
    EXPECT_THROW(observer->range(), InternalError) << name;
  }
}

TEST(Observers, NeverLeaveTheExtremesOrInvertTheRange) {
  const float largest = std::numeric_limits<float>::max();
  const std::vector<at::Tensor> inputs = {
      at::zeros({10}),
      at::full({10}, std::numeric_limits<float>::denorm_min()),
      at::tensor({3.f, 4.f, 5.f}),
      at::tensor({-3.f, -4.f, -5.f}),
      at::tensor({7.f}),
      at::tensor({-largest / 4, largest / 4}),
      random_normal({1000}, 6).abs().add(100),
      random_normal({1000}, 6).mul(1e-39),
  };
  for (const auto& [name, spec] : all_cases()) {
    for (const at::Tensor& x : inputs) {
      const auto [low, high] = range_of(name, spec, {x});
      const float magnitude = x.abs().max().item<float>();
      EXPECT_LE(low, high) << name << " " << x;
      EXPECT_LE(std::max(-low, high), magnitude) << name << " " << x;
      EXPECT_GE(std::max(-low, high), magnitude * 0.049f) << name << " " << x;
    }
  }
}

TEST(Observers, ContinueFromTheirStateBitForBit) {
  for (const auto& [name, spec] : all_cases()) {
    const auto original = make_observer(name, spec);
    for (int batch = 0; batch < 4; ++batch) {
      const auto restored = make_observer(name, spec);
      restored->observe(at::ones({3}));  // which restoring forgets
      restored->restore(original->state());
      const at::Tensor x = random_normal({300}, batch).mul_(batch + 1);
      original->observe(x);
      restored->observe(x);
      EXPECT_EQ(range_of(*restored), range_of(*original)) << name;
      for (const auto& [key, tensor] : original->state()) {
        EXPECT_TRUE(at::equal(restored->state().at(key), tensor)) << name << " " << key;
      }
    }
  }
}

TEST(Observers, MergedStatesGiveTheRangeOfAllInputs) {
  const std::vector<at::Tensor> batches = {random_normal({300}, 1), at::zeros({3}), at::empty({0}),
                                           random_normal({200}, 2).mul(100),
                                           at::tensor({kNan, -kInfinity})};
  for (const ObserverInfo& info : observers()) {
    for (const QuantizerSpec& spec : {kSymmetricInt8, kAffineInt8}) {
      const auto merged = make_observer(info.name, spec);
      if (info.depends_on_order) {
        EXPECT_THROW(merged->merge(merged->state()), InternalError) << info.name;
        continue;
      }
      for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
        const auto part = make_observer(info.name, spec);
        part->observe(*batch);
        merged->merge(part->state());
      }
      EXPECT_EQ(range_of(*merged), range_of(info.name, spec, batches)) << info.name;
      EXPECT_THROW(merged->merge({{"other", at::zeros({1})}}), InputError) << info.name;
    }
  }
}

TEST(Observers, StatesAreCopies) {
  for (const auto& [name, spec] : all_cases()) {
    const auto observer = make_observer(name, spec);
    observer->observe(at::ones({3}));
    const ObserverState before = observer->state();
    const at::Tensor extremes = before.at("extremes").clone();
    observer->observe(at::full({3}, -9.0f));
    EXPECT_TRUE(at::equal(before.at("extremes"), extremes)) << name;
  }
}

TEST(Observers, RefuseOtherStates) {
  for (const auto& [name, spec] : all_cases()) {
    const auto observer = make_observer(name, spec);
    EXPECT_THROW(observer->restore({}), InputError) << name;
    EXPECT_THROW(observer->restore({{"extremes", at::tensor({2.f, 1.f})}}), InputError) << name;
    EXPECT_THROW(observer->restore({{"extremes", at::tensor({1, 2})}}), InputError) << name;
  }
  const auto max = make_observer("max", kSymmetricInt8);
  EXPECT_THROW(max->restore(make_observer("mse", kSymmetricInt8)->state()), InputError);
}

TEST(Observers, UnknownNameSuggestsTheNearest) {
  EXPECT_THAT(usage_error([] { make_observer("mxa", kSymmetricInt8); }),
              ::testing::HasSubstr("did you mean \"max\""));
  EXPECT_THAT(usage_error([] { require_observer("percentil:99", "rule 3"); }),
              ::testing::AllOf(::testing::HasSubstr("rule 3"),
                               ::testing::HasSubstr("did you mean \"percentile\"")));
}

TEST(Observers, WrongParametersAreUsageErrors) {
  for (const std::string name :
       {"percentile:50", "percentile:100.1", "percentile:", "percentile:9x", "percentile:nan",
        "percentile: 99", "percentile:99:9", "moving-average:0", "moving-average:1.5",
        "moving-average:-1", "max:1", "max:", "mse:2", "entropy:128"}) {
    const std::string message = usage_error([&] { require_observer(name, "rule 3"); });
    EXPECT_THAT(message, ::testing::StartsWith("rule 3: ")) << name;
    EXPECT_THAT(message, ::testing::HasSubstr("parameter")) << name;
    EXPECT_THROW(make_observer(name, kSymmetricInt8), UsageError) << name;
  }
  for (const char* name : {"percentile:50.1", "percentile:100", "percentile:9.99e1",
                           "moving-average:1", "moving-average:1e-3"}) {
    EXPECT_NO_THROW(require_observer(name, "rule 3")) << name;
  }
}

TEST(Observers, EntropyIsForIntegers) {
  const QuantizerSpec float8 = observed_spec(Format::kFp8E4M3);
  EXPECT_THAT(usage_error([&] { require_observer_for("entropy", float8, "rule 3"); }),
              ::testing::AllOf(::testing::StartsWith("rule 3: "), ::testing::HasSubstr("fp8_e4m3"),
                               ::testing::HasSubstr("\"mse\"")));
  EXPECT_THROW(make_observer("entropy", float8), UsageError);
  EXPECT_NO_THROW(require_observer_for("entropy", kAffineInt8, "rule 3"));
  EXPECT_NO_THROW(require_observer_for("mse", float8, "rule 3"));
  EXPECT_THROW(require_observer_for("mxa", float8, "rule 3"), UsageError);
}

}  // namespace
}  // namespace clipq
