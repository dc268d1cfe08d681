#pragma once

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "clipq/native/native_linear.h"
#include "clipq/quant/simulated_layers.h"
#include "paths_by_name.h"
#include "reference_linear.h"
#include "tensors.h"

namespace clipq::testing {

/// A weight's quantizer and, if there is one, the input's.
struct Kinds {
  const char* name;
  QuantizerSpec weight;
  std::optional<QuantizerSpec> input;
};

inline void PrintTo(const Kinds& kinds, std::ostream* out) { *out << kinds.name; }

/// @param group_size of Granularity::kGroup
inline QuantizerSpec weight_in(Format format, Granularity granularity,
                               Scheme scheme = Scheme::kSymmetric, std::int64_t group_size = 24) {
  QuantizerSpec spec;
  spec.format = format;
  spec.bits = format_info(format).bits;
  spec.granularity = granularity;
  spec.scheme = scheme;
  if (granularity == Granularity::kGroup) {
    spec.group_size = group_size;
    spec.scale_dtype = ScaleDtype::kFloat16;
  }
  return spec;
}

inline QuantizerSpec input_in(Format format, RangeKind range, Granularity granularity,
                              Scheme scheme = Scheme::kSymmetric) {
  QuantizerSpec spec = weight_in(format, granularity, scheme);
  spec.range = range;
  return spec;
}

inline std::optional<ActivationQuantizer> quantizer_of(const Kinds& kinds, const at::Tensor& x) {
  if (!kinds.input) return std::nullopt;
  if (kinds.input->range == RangeKind::kDynamic) return ActivationQuantizer::dynamic(*kinds.input);
  return ActivationQuantizer::with_scales(
      *kinds.input, scales_for(*kinds.input, range_of(x.mul(0.8), *kinds.input)));
}

inline SimulatedLinear layer_of(const Kinds& kinds, const at::Tensor& x, std::int64_t out,
                                bool has_bias) {
  // Some numbers are below FP8's normal ones.
  const at::Tensor weight = random_normal({out, x.size(-1)}, 11).pow(3);
  const QuantizedTensor codes =
      quantize(weight, kinds.weight, scales_for(kinds.weight, range_of(weight, kinds.weight)));
  return {std::make_shared<StoredWeight>(codes), has_bias ? random_normal({out}, 12) : at::Tensor(),
          quantizer_of(kinds, x)};
}

/// A linear layer that is compared with what `simulate` makes of the same codes.
struct LinearUnderTest {
  Kinds kinds;
  std::function<std::shared_ptr<const PanelLinear>(const LinearContents& contents)> make;
  double tolerance;  ///< of ReferenceLinear::error()

  NativeLinear native_of(const SimulatedLinear& layer) const {
    return NativeLinear(make(*layer.contents()));
  }

  void expect_simulated(const at::Tensor& x, std::int64_t out, bool has_bias) const {
    const SimulatedLinear layer = layer_of(kinds, x, out, has_bias);
    const NativeLinear native = native_of(layer);
    const ReferenceLinear reference(layer, x);
    const at::Tensor y = native.forward(x);
    ASSERT_EQ(y.sizes(), reference.values.sizes());
    EXPECT_LT(reference.error(y), tolerance) << x.sizes() << " to " << out;
    if (out < 4) return;
    const at::Tensor part = native.forward_part(x, 1, out - 2);
    EXPECT_TRUE(part.equal(y.narrow(-1, 1, out - 2))) << "a part of the outputs";
  }

  void expect_no_rows_for_none(std::int64_t in) const {
    const SimulatedLinear layer = layer_of(kinds, random_normal({4, in}, 1), 6, true);
    EXPECT_EQ(native_of(layer).forward(at::zeros({0, in})).sizes(), at::IntArrayRef({0, 6}));
  }

  /// A NaN stays in its row unless a range spans rows.
  void expect_nan_stays() const {
    const at::Tensor x = random_normal({40, 64}, 1);
    const SimulatedLinear layer = layer_of(kinds, x, 70, true);
    const NativeLinear native = native_of(layer);
    x[2][5] = std::numeric_limits<float>::quiet_NaN();
    const at::Tensor broken = native.forward(x).isnan();
    EXPECT_TRUE(broken[2].all().item<bool>());
    EXPECT_EQ(broken.sum().item<std::int64_t>(), native.needs_whole_batch() ? 40 * 70 : 70);
  }
};

/// Tests of linear layers on each path of a kind, skipped where the processor lacks it.
template <typename Path>
class LinearOnPath : public ::testing::TestWithParam<std::tuple<std::string, Kinds>> {
 protected:
  explicit LinearOnPath(const std::vector<Path>& paths)
      : path_(&named(paths, std::get<0>(GetParam()))) {}

  void SetUp() override {
    if (!path_->supported()) GTEST_SKIP() << "this processor lacks " << path_->name;
  }

  /// @param make the layer on path()
  template <typename Make>
  LinearUnderTest under_test(const Make& make, double tolerance) const {
    const auto make_on_path = [this, make](const LinearContents& contents) {
      const std::shared_ptr<const PanelLinear> linear = make(contents);
      EXPECT_EQ(linear->path_name(), path_->name);
      return linear;
    };
    return {std::get<1>(GetParam()), make_on_path, tolerance};
  }

  const Path* path() const { return path_; }

 private:
  const Path* path_;
};

/// What GoogleTest calls a case of LinearOnPath.
inline std::string case_name(const ::testing::TestParamInfo<std::tuple<std::string, Kinds>>& test) {
  return identifier(std::get<0>(test.param)) + "_" + std::get<1>(test.param).name;
}

}  // namespace clipq::testing
