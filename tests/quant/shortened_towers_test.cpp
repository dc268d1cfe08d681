#include <ATen/ops/cat.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "calibration_batches.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using testing::max_difference;
using testing::tiny_clip;

/// A layer that pretends to look at all rows, so that nothing around it is left out.
class WholeBatchLinear final : public Linear {
 public:
  explicit WholeBatchLinear(std::shared_ptr<const Linear> inner) : inner_(std::move(inner)) {}
  at::Tensor forward(const at::Tensor& x) const override { return inner_->forward(x); }
  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override {
    return inner_->convolve(map, window);
  }
  bool needs_whole_batch() const override { return true; }
  std::int64_t in_features() const override { return inner_->in_features(); }
  std::int64_t out_features() const override { return inner_->out_features(); }

 private:
  std::shared_ptr<const Linear> inner_;
};

/// The model with every token of every block computed.
ClipModel in_full(ClipModel model) {
  for (Transformer* transformer :
       {&testing::image_tower(model).transformer, &testing::text_tower(model).transformer}) {
    auto& layer = transformer->blocks.back().mlp_output;
    layer = std::make_shared<WholeBatchLinear>(layer);
  }
  return model;
}

ClipModel model_of(const std::string& recipe_name) {
  ClipModel model = tiny_clip();
  if (recipe_name == "float") return model;
  const Recipe recipe = load_recipe(recipe_name, {});
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  return quantize_model(std::move(model), placement, recipe, testing::tiny_batch()).model;
}

std::vector<std::string> all_kinds() {
  std::vector<std::string> kinds = recipe_names();
  kinds.push_back("float");
  return kinds;
}

class ShortenedTowers : public ::testing::TestWithParam<std::string> {};

/// Sums come in another order in matrix products of another shape; where that moves a value over
/// a rounding threshold, a code changes.
void expect_equal(const at::Tensor& shortened, const at::Tensor& full, bool rounds_activations) {
  if (rounds_activations) {
    EXPECT_GT(row_cosines(shortened, full).min().item<double>(), 0.9999);
  } else {
    EXPECT_LT(max_difference(shortened, full), 2e-6);
  }
}

TEST_P(ShortenedTowers, GiveWhatAllTokensGive) {
  const ClipModel model = model_of(GetParam());
  const ClipModel full = in_full(model);
  const std::string& kind = GetParam();
  const bool rounds = kind != "float" && kind.find("weight-only") == std::string::npos;
  expect_equal(model.encode_image(testing::tiny_pixels()),
               full.encode_image(testing::tiny_pixels()), rounds);
  expect_equal(model.encode_text(testing::tiny_tokens()), full.encode_text(testing::tiny_tokens()),
               rounds);
}

TEST_P(ShortenedTowers, TextsDontDependOnTheirBatchUnlessTheTowerSaysSo) {
  const ClipModel model = model_of(GetParam());
  const at::Tensor tokens = testing::tiny_tokens();
  const at::Tensor together = model.encode_text(tokens);
  const at::Tensor alone = model.encode_text(tokens.narrow(0, 0, 1));
  EXPECT_EQ(model.text->needs_whole_batch(), GetParam() == "dq-clip");
  EXPECT_EQ(model.image->needs_whole_batch(), GetParam() == "dq-clip");
  if (!model.text->needs_whole_batch()) {
    EXPECT_GT(row_cosines(alone, together.narrow(0, 0, 1)).item<double>(), 0.9999);
  } else {
    EXPECT_GT(max_difference(alone, together.narrow(0, 0, 1)), 0);
    EXPECT_EQ(max_difference(together, in_full(model).encode_text(tokens)), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShortenedTowers, ::testing::ValuesIn(all_kinds()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ShortenedText, APaddedTextIsEmbeddedLikeTheUnpaddedOne) {
  const ClipModel model = tiny_clip();
  const at::Tensor tokens = testing::tiny_tokens().narrow(0, 0, 1);
  EXPECT_EQ(max_difference(model.encode_text(tokens), model.encode_text(tokens.narrow(1, 0, 4))),
            0);
}

/// All activations, attention's too, quantized in one manner.
ClipModel with_activations(const std::string& attributes) {
  const testing::TemporaryFolder folder;
  std::string rules = R"({"match": "*", "enable": false},
    {"match": "*.weight_quantizer", "format": "int8", "granularity": "channel"})";
  for (const char* which : {"*resblocks*.input_quantizer", "*_bmm_quantizer", "*softmax_quantizer",
                            "*bmm2_output_quantizer"}) {
    rules += cat(R"(, {"match": ")", which, R"(", "format": "int8", )", attributes, "}");
  }
  write_file(folder / "recipe.json", cat(R"({"name": "all", "rules": [)", rules, "]}"));
  const Recipe recipe = load_recipe((folder / "recipe.json").string(), {});
  ClipModel model = tiny_clip();
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  return quantize_model(std::move(model), placement, recipe, testing::tiny_batch()).model;
}

TEST(ShortenedTowersOfEveryManner, GiveWhatAllTokensGive) {
  for (const char* attributes :
       {R"("range": "dynamic", "granularity": "token")",
        R"("range": "dynamic", "granularity": "token", "scheme": "affine")",
        R"("range": "dynamic", "granularity": "token", "scheme": "twin")",
        R"("range": "dynamic", "granularity": "group:5")",
        R"("range": "dynamic", "granularity": "group:5", "scheme": "affine")",
        R"("range": "static", "granularity": "tensor", "scheme": "affine")",
        R"("range": "static", "granularity": "tensor", "scheme": "twin")"}) {
    SCOPED_TRACE(attributes);
    const ClipModel model = with_activations(attributes);
    EXPECT_FALSE(model.text->needs_whole_batch());
    const ClipModel full = in_full(model);
    expect_equal(model.encode_image(testing::tiny_pixels()),
                 full.encode_image(testing::tiny_pixels()), true);
    expect_equal(model.encode_text(testing::tiny_tokens()),
                 full.encode_text(testing::tiny_tokens()), true);
  }
  EXPECT_TRUE(with_activations(R"("range": "dynamic")").text->needs_whole_batch());
}

TEST(ShortenedText, SoftmaxQuantizersSeeOnlyVisibleTokens) {
  ClipModel model = tiny_clip();
  const Recipe recipe = load_recipe("int8-static", {"*softmax_quantizer.enable=true"});
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  const ClipModel q =
      quantize_model(std::move(model), placement, recipe, testing::tiny_batch()).model;
  const at::Tensor tokens = testing::tiny_tokens();
  EXPECT_GT(row_cosines(q.encode_text(tokens), in_full(q).encode_text(tokens)).min().item<double>(),
            0.9999);
}

}  // namespace
}  // namespace clipq
