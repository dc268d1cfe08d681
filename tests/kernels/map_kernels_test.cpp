#include "clipq/kernels/map_kernels.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include "tensors.h"

namespace clipq {
namespace {

using testing::random_normal;

TEST(AverageRows, IsAvgPool2d) {
  for (const std::int64_t width : {1, 16, 37}) {
    const at::Tensor x = random_normal({4, width}, 6);
    const auto row = [&x](std::int64_t i) { return x[i].const_data_ptr<float>(); };
    at::Tensor out = at::empty({width});
    average_rows({row(0), row(1), row(2), row(3)}, width, out.mutable_data_ptr<float>());
    const at::Tensor map = x.view({1, 2, 2, width}).permute({0, 3, 1, 2});
    EXPECT_TRUE(out.equal(at::avg_pool2d(map, 2).flatten()));
  }
}

TEST(CopyStretches, CopiesAnyLength) {
  const at::Tensor source = random_normal({40 * 100}, 8).mul_(100).to(at::kByte);
  for (const std::int64_t bytes : {1, 9, 31, 32, 63, 64, 65, 200}) {
    at::Tensor out = at::zeros({4, 3, bytes}, at::kByte);
    copy_stretches({source.const_data_ptr<std::uint8_t>(), bytes, 3, 300, 11}, 4,
                   out.mutable_data_ptr<std::uint8_t>(), 3 * bytes);
    for (std::int64_t window = 0; window < 4; ++window) {
      for (std::int64_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(out[window][i].equal(source.narrow(0, window * 11 + i * 300, bytes))) << bytes;
      }
    }
  }
}

}  // namespace
}  // namespace clipq
