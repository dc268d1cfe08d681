#include "clipq/numerics/histogram.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "clipq/core/error.h"
#include "tensors.h"

namespace clipq {
namespace {

using testing::kInfinity;
using testing::kNan;
using testing::random_normal;

constexpr int kBins = Histogram::kBins;

Histogram histogram_of(const at::Tensor& x) {
  Histogram histogram;
  histogram.add(x);
  return histogram;
}

/// The number of values whose bin, found in float64 by division, has another count.
std::int64_t wrongly_counted(const Histogram& histogram, const at::Tensor& x) {
  std::vector<std::int64_t> expected(2 * kBins);
  const at::Tensor values = x.contiguous();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    const double value = values.const_data_ptr<float>()[i];
    const int bin = static_cast<int>(std::floor(std::abs(value) / histogram.bin_width()));
    ++expected.at(value < 0 ? kBins - 1 - bin : kBins + bin);
  }
  std::int64_t wrong = 0;
  for (int bin = 0; bin < 2 * kBins; ++bin) {
    wrong += std::abs(expected[bin] - histogram.counts()[bin]);
  }
  return wrong;
}

/// Batches of several sizes whose magnitudes grow, shrink and span float32.
std::vector<at::Tensor> varied_batches() {
  std::vector<at::Tensor> batches;
  std::uint64_t seed = 0;
  for (const double exponent : {0, 3, -140, -20, 7, 12, 125, -126, 1, -149}) {
    batches.push_back(random_normal({7, 1 + 37 * static_cast<std::int64_t>(seed)}, seed)
                          .to(at::kDouble)
                          .mul(std::exp2(exponent))
                          .to(at::kFloat));
    ++seed;
  }
  batches.push_back(at::tensor({-0.0f, 0.0f, 1.0f, kNan, -kInfinity, 3.0f, -3.0f}));
  batches.push_back(random_normal({100000}, seed));  // enough for two threads
  return batches;
}

TEST(Histogram, CountsEveryValueInItsBin) {
  const at::Tensor x = random_normal({3, 12345}, 1).mul_(5);
  const Histogram histogram = histogram_of(x);
  EXPECT_EQ(wrongly_counted(histogram, x), 0);
  EXPECT_EQ(histogram.count(), x.numel());
  EXPECT_EQ(histogram.extremes().min, x.min().item<float>());
  EXPECT_EQ(histogram.extremes().max, x.max().item<float>());
}

TEST(Histogram, BinsIncludeTheirEndTowardsZero) {
  const Histogram histogram = histogram_of(at::tensor({1.0f, -1.0f, 0.0f, 1023.5f, -0.25f, 0.75f}));
  EXPECT_EQ(histogram.bin_width(), 0.5);
  EXPECT_EQ(histogram.counts()[kBins], 1);          // 0
  EXPECT_EQ(histogram.counts()[kBins + 1], 1);      // 0.75
  EXPECT_EQ(histogram.counts()[kBins + 2], 1);      // 1
  EXPECT_EQ(histogram.counts()[kBins + 2047], 1);   // 1023.5
  EXPECT_EQ(histogram.counts()[kBins - 1], 1);      // -0.25
  EXPECT_EQ(histogram.counts()[kBins - 1 - 2], 1);  // -1
  EXPECT_EQ(histogram.magnitude_counts()[2], 2);
  EXPECT_EQ(histogram.magnitude_counts()[0], 2);
}

TEST(Histogram, WidthIsTheSmallestPowerOfTwoThatHoldsTheLargestMagnitude) {
  const float below_one = std::nextafter(1.0f, 0.0f);
  EXPECT_EQ(histogram_of(at::tensor({-1.0f})).bin_width(), std::exp2(-10));
  EXPECT_EQ(histogram_of(at::tensor({below_one})).bin_width(), std::exp2(-11));
  EXPECT_EQ(histogram_of(at::tensor({below_one})).counts()[2 * kBins - 1], 1);
  EXPECT_EQ(histogram_of(at::tensor({std::numeric_limits<float>::max()})).counts().back(), 1);
  EXPECT_EQ(histogram_of(at::tensor({std::numeric_limits<float>::lowest()})).counts().front(), 1);
}

TEST(Histogram, IsTheSameForAnyOrderAndAnySplit) {
  const std::vector<at::Tensor> batches = varied_batches();
  Histogram in_order;
  for (const at::Tensor& batch : batches) in_order.add(batch);
  std::mt19937 engine(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<at::Tensor> shuffled = batches;
    std::shuffle(shuffled.begin(), shuffled.end(), engine);
    std::vector<Histogram> parts(3);
    for (const at::Tensor& batch : shuffled) {
      const at::Tensor flat = batch.flatten();
      const auto cut = static_cast<std::int64_t>(engine() % (flat.numel() + 1));
      parts[engine() % 3].add(flat.narrow(0, 0, cut));
      parts[engine() % 3].add(flat.narrow(0, cut, flat.numel() - cut));
    }
    Histogram merged = parts[round % 3];
    merged.merge(parts[(round + 1) % 3]);
    merged.merge(parts[(round + 2) % 3]);
    EXPECT_EQ(merged, in_order);
  }
  Histogram smaller_scale;
  for (const at::Tensor& batch : batches) smaller_scale.add(batch.mul(0.75));
  EXPECT_FALSE(smaller_scale == in_order);
}

TEST(Histogram, WidensExactly) {
  at::Tensor all = random_normal({5000}, 3);
  Histogram histogram = histogram_of(all);
  for (const float factor : {-3.0f, 50.0f, -1e4f}) {
    const at::Tensor larger = random_normal({5000}, 4).mul_(factor);
    histogram.add(larger);
    all = at::cat({all, larger});
    EXPECT_EQ(wrongly_counted(histogram, all), 0) << factor;
  }
}

TEST(Histogram, TakesZerosAndSubnormals) {
  const Histogram zeros = histogram_of(at::tensor({0.0f, -0.0f, 0.0f}));
  EXPECT_EQ(zeros.extremes().min, 0);
  EXPECT_EQ(zeros.extremes().max, 0);
  EXPECT_EQ(zeros.counts()[kBins], 3);
  EXPECT_FALSE(std::signbit(histogram_of(at::tensor({-0.0f})).extremes().min));
  const float smallest = std::numeric_limits<float>::denorm_min();
  const Histogram subnormal = histogram_of(at::tensor({smallest, -smallest, 3 * smallest}));
  EXPECT_EQ(subnormal.extremes().min, -smallest);
  EXPECT_EQ(subnormal.extremes().max, 3 * smallest);
  EXPECT_EQ(subnormal.counts()[kBins], 2);
  EXPECT_EQ(subnormal.counts()[kBins - 1], 1);
}

TEST(Histogram, PassesOverValuesThatAreNotFinite) {
  at::Tensor x = random_normal({1000}, 5);
  const Histogram without = histogram_of(x.narrow(0, 3, 997));
  x[0] = kNan;
  x[1] = kInfinity;
  x[2] = -kInfinity;
  Histogram with = histogram_of(x);
  with.add(at::full({5}, kNan));
  with.add(at::empty({0}));
  EXPECT_EQ(with, without);
  EXPECT_EQ(histogram_of(at::full({5}, kInfinity)), Histogram());
}

TEST(Histogram, TakesTensorsThatAreNotContiguous) {
  const at::Tensor x = random_normal({40, 60}, 6);
  EXPECT_EQ(histogram_of(x.t()), histogram_of(x));
  EXPECT_EQ(histogram_of(x.narrow(1, 10, 20)), histogram_of(x.narrow(1, 10, 20).contiguous()));
}

TEST(Histogram, ContinuesFromItsState) {
  for (const Histogram& histogram : {Histogram(), histogram_of(random_normal({999}, 7))}) {
    Histogram restored = Histogram::from_state(histogram.state());
    EXPECT_EQ(restored, histogram);
    Histogram continued = histogram;
    continued.add(at::arange(100.0f));
    restored.add(at::arange(100.0f));
    EXPECT_EQ(restored, continued);
  }
}

TEST(Histogram, RefusesWhatIsNoState) {
  const ObserverState good = histogram_of(random_normal({99}, 8)).state();
  const auto refuses = [&good](const std::string& name, const at::Tensor& tensor) {
    ObserverState state = good;
    state[name] = tensor;
    EXPECT_THROW(Histogram::from_state(state), InputError) << name << " " << tensor.sizes();
  };
  EXPECT_NO_THROW(Histogram::from_state(good));
  EXPECT_THROW(Histogram::from_state({}), InputError);
  refuses("counts", {});
  refuses("counts", at::zeros({2 * kBins}));
  refuses("counts", at::zeros({kBins}, at::kLong));
  refuses("counts", at::zeros({2 * kBins}, at::kLong));  // none, though there are extremes
  refuses("counts", good.at("counts").neg());
  refuses("extremes", at::tensor({kInfinity, -kInfinity}));
  refuses("extremes", at::tensor({2.0f, 1.0f}));
  refuses("extremes", at::tensor({kNan, 1.0f}));
  refuses("more", at::tensor({1.0f}));
}

}  // namespace
}  // namespace clipq
