#include "clipq/numerics/observer.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <limits>

#include "clipq/core/error.h"

namespace clipq {
namespace {

TEST(MaxObserver, KeepsTheExtremesOfAllBatches) {
  const auto observer = make_observer("max");
  observer->observe(at::tensor({1.f, -3.f}));
  observer->observe(at::tensor({2.f, 0.f}));
  EXPECT_EQ(observer->range().min.item<float>(), -3);
  EXPECT_EQ(observer->range().max.item<float>(), 2);
}

TEST(MaxObserver, PassesOverValuesThatAreNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto observer = make_observer("max");
  observer->observe(at::tensor({-infinity, 0.5f, std::numeric_limits<float>::quiet_NaN(), 4.f}));
  observer->observe(at::full({3}, infinity));
  EXPECT_EQ(observer->range().min.item<float>(), 0.5f);
  EXPECT_EQ(observer->range().max.item<float>(), 4);
}

TEST(MaxObserver, HasNoRangeBeforeTheFirstValue) {
  EXPECT_THROW(make_observer("max")->range(), InternalError);
}

TEST(Observers, UnknownNameSuggestsTheNearest) {
  try {
    make_observer("mxa");
    FAIL();
  } catch (const UsageError& failure) {
    EXPECT_THAT(failure.what(), ::testing::HasSubstr("did you mean \"max\""));
  }
}

}  // namespace
}  // namespace clipq
