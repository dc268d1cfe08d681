#include "clipq/artifact/artifact.h"

#include <gmock/gmock.h>
#include <torch/script.h>

#include "calibration_batches.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/quant/place_quantizers.h"
#include "clipq/quant/quantize_model.h"
#include "clipq/text/tokenizer_source.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;
using testing::max_difference;

struct Case {
  std::string recipe;
  std::vector<std::string> overrides;
  ClipConfig config = testing::tiny_config();
};

void PrintTo(const Case& test_case, std::ostream* out) {
  *out << test_case.recipe << " " << join(test_case.overrides, " ") << " "
       << (test_case.config.image ? describe(*test_case.config.image) : "no images") << " "
       << (test_case.config.text ? describe(*test_case.config.text) : "no texts");
}

/// The tiny model quantized; its `calibration` is one batch of random inputs.
Artifact make_artifact(const Case& test_case) {
  Preprocess preprocess;
  if (test_case.config.image) {
    preprocess.size = static_cast<int>(test_case.config.image->resolution);
  }
  ClipModel model =
      build_model(test_case.config, preprocess, testing::random_state(test_case.config), "tiny");
  const Recipe recipe = load_recipe(test_case.recipe, test_case.overrides);
  const Placement placement = place_quantizers(model, recipe, Component::kBoth);
  Artifact artifact;
  artifact.quantized =
      quantize_model(std::move(model), placement, recipe, testing::tiny_batch(test_case.config));
  artifact.quantized.quantization.recipe = recipe.json;
  artifact.quantized.quantization.recipe_name = recipe.name;
  artifact.quantized.quantization.component = "both";
  artifact.source = {"tiny.pt", "abc", 1, 2};
  artifact.tokenizer = Tokenizer::from_merges("#version\na b\n", "merges");
  return artifact;
}

/// Texts that are pooled at their first token 22.
ClipConfig first_end_config() {
  ClipConfig config = testing::tiny_config();
  config.text->pooling = TextPooling::kFirstEnd;
  config.text->end_id = 22;
  return config;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"int8-dynamic", {}},
      {"dq-clip", {}},
      {"fp8-max", {}},
      {"int8-dynamic", {"*.input_quantizer.scheme=symmetric"}},
      {"int8-dynamic",
       {"*.weight_quantizer.scheme=affine", "*.weight_quantizer.granularity=tensor"}},
      {"fp8-max", {"*.format=int8", "*bmm*.scheme=affine", "*.input_quantizer.scheme=affine"}},
      {"fp8-max", {"*.format=fp8_e5m2"}},
      {"fp8-max", {"*.input_quantizer.range=dynamic", "*.input_quantizer.granularity=token"}},
      {"int8-static", {}},
      {"int8-static", {"*.input_quantizer.scheme=twin", "*.softmax_quantizer.range=dynamic"}},
      {"int8-static", {"*bmm*.scheme=twin", "*bmm*.range=dynamic"}},
      {"int8-smooth", {}},
      {"int8-weight-only", {"*.weight_quantizer.granularity=group:48"}},
      {"int8-dynamic", {"*.input_quantizer.granularity=group:48"}},
      {"int8-dynamic",
       {"*.input_quantizer.granularity=group:7", "*.input_quantizer.scheme=symmetric",
        "*.input_quantizer.scale_dtype=float16"}},
      {"fp8-weight-only", {"*.scale_dtype=float16"}},
      {"int4-weight-only", {}},
      {"int4-weight-only",
       {"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=group:7",
        "*.weight_quantizer.scheme=affine"}},
      {"int4-weight-only",
       {"*.weight_quantizer.format=int4", "*.weight_quantizer.granularity=tensor",
        "*.weight_quantizer.bits=3"}},
      {"fp16", {}},
      {"fp16", {}, first_end_config()},
      {"fp16", {}, testing::tiny_siglip_config()},
      {"int8-dynamic", {}, testing::tiny_siglip_config()},
      {"int8-static", {}, testing::tiny_siglip_config()},
      {"fp8-max", {}, testing::tiny_siglip_config()},
      {"int4-weight-only", {}, testing::tiny_siglip_config()},
      {"int8-dynamic", {}, testing::tower_alone(testing::tiny_config(), Tower::kImage)},
      {"int8-dynamic", {}, testing::tower_alone(testing::tiny_config(), Tower::kText)},
      {"int8-smooth", {}, testing::tower_alone(testing::tiny_config(), Tower::kText)},
      {"fp8-max", {}, testing::tower_alone(testing::tiny_config(), Tower::kText)},
      {"int8-static", {}, testing::tower_alone(testing::tiny_siglip_config(), Tower::kImage)},
      {"fp8-max", {}, testing::tower_alone(testing::tiny_siglip_config(), Tower::kText)},
      {"int8-dynamic", {}, testing::tiny_resnet_config()},
      {"int8-dynamic",
       {"*.input_quantizer.scheme=symmetric", "*.input_quantizer.granularity=tensor"},
       testing::tiny_resnet_config()},
      {"int8-static", {}, testing::tiny_resnet_config()},
      {"int8-smooth", {}, testing::tower_alone(testing::tiny_resnet_config(), Tower::kImage)},
      {"fp8-max", {}, testing::tiny_resnet_config()},
      {"int4-weight-only", {}, testing::tiny_resnet_config()},
      {"fp16", {}, testing::tiny_resnet_config()},
  };
  return all;
}

at::Tensor input_of(const ClipModel& model, Tower tower) {
  if (tower == Tower::kText) return testing::tiny_tokens();
  return testing::tiny_pixels(model.image->config());
}

class EveryCase : public ::testing::TestWithParam<Case> {};

void expect_restored(const Artifact& saved, const std::filesystem::path& file) {
  CheckpointContents contents = read_contents(file);
  ASSERT_TRUE(is_artifact(contents));
  const Artifact restored = load_artifact(std::move(contents), file.string());
  const ClipModel& a = saved.quantized.model;
  const ClipModel& b = restored.quantized.model;
  EXPECT_EQ(a.towers(), b.towers());
  for (const Tower tower : a.towers()) {
    const at::Tensor input = input_of(a, tower);
    EXPECT_TRUE(a.encode(tower, input).equal(b.encode(tower, input)));
  }
  ASSERT_TRUE(restored.tokenizer);
  EXPECT_EQ(restored.tokenizer->source(), saved.tokenizer->source());
  EXPECT_EQ(restored.source.sha256, "abc");
  const auto manifest = [](const Artifact& artifact) {
    return to_json(Manifest{artifact.quantized.model.config(), artifact.quantized.model.preprocess,
                            artifact.quantized.quantization, artifact.source});
  };
  EXPECT_EQ(manifest(saved), manifest(restored));
}

TEST_P(EveryCase, IsRestoredBitForBit) {
  testing::TemporaryFolder folder;
  const Artifact saved = make_artifact(GetParam());
  for (const char* file : {"q.pt", "q.safetensors"}) {
    save_artifact(saved, folder / file);
    expect_restored(saved, folder / file);
    EXPECT_EQ(static_cast<std::uintmax_t>(artifact_bytes(saved, file)),
              std::filesystem::file_size(folder / file));
  }
}

TEST_P(EveryCase, ItsOwnTorchScriptGivesTheSameNumbers) {
  testing::TemporaryFolder folder;
  const Artifact saved = make_artifact(GetParam());
  save_artifact(saved, folder / "q.pt");
  torch::jit::Module module = torch::jit::load((folder / "q.pt").string());
  const ClipModel& model = saved.quantized.model;
  const auto own = [&](const char* method, Tower tower) {
    return module.get_method(method)({input_of(model, tower)}).toTensor();
  };
  // The same operators in the same order: any difference is TorchScript fusing some of them.
  for (const Tower tower : model.towers()) {
    const char* method = tower == Tower::kImage ? "encode_image" : "encode_text";
    const at::Tensor ours = model.encode(tower, input_of(model, tower));
    EXPECT_LT(max_difference(own(method, tower), ours), 1e-4);
    if (model.towers().size() > 1) continue;
    EXPECT_LT(max_difference(own("forward", tower), ours), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryCase, ::testing::ValuesIn(cases()));

TEST(Artifact, DamagedManifestIsAnInputError) {
  const Json json = parse_json(R"({"schema": "clipq.artifact/9"})", "t");
  try {
    manifest_from_json(json, "q.pt");
    FAIL();
  } catch (const InputError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("another version of clipq"));
  }
}

TEST(SafetensorsArtifact, KeepsAVocabularyOfAnyBytes) {
  testing::TemporaryFolder folder;
  Artifact saved = make_artifact({"int8-dynamic", {}});
  TokenizerSource source = saved.tokenizer->source();
  source.settings.added.push_back({.text = "<extra>", .id = 3});
  saved.tokenizer = Tokenizer(source, "tokenizer");
  save_artifact(saved, folder / "q.safetensors");
  const CheckpointContents contents = read_contents(folder / "q.safetensors");
  EXPECT_EQ(contents.documents.count("tokenizer_vocabulary.base64"), 1U);
  expect_restored(saved, folder / "q.safetensors");
}

TEST(SafetensorsArtifact, WhoseTensorsWereChangedIsRefused) {
  testing::TemporaryFolder folder;
  save_artifact(make_artifact({"int8-dynamic", {}}), folder / "q.safetensors");
  std::string bytes = read_file(folder / "q.safetensors");
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 1);
  write_file(folder / "q.safetensors", bytes);
  CheckpointContents contents = read_contents(folder / "q.safetensors");
  EXPECT_THAT([&] { load_artifact(std::move(contents), "q.safetensors"); },
              ::testing::ThrowsMessage<InputError>(HasSubstr("its tensors aren't those")));
}

TEST(SafetensorsArtifact, WhoseTokenizerWasChangedIsRefused) {
  testing::TemporaryFolder folder;
  save_artifact(make_artifact({"int8-dynamic", {}}), folder / "q.safetensors");
  CheckpointContents contents = read_contents(folder / "q.safetensors");
  contents.documents["bpe_vocab"] += "a a\n";
  EXPECT_THAT([&] { load_artifact(std::move(contents), "q.safetensors"); },
              ::testing::ThrowsMessage<InputError>(HasSubstr("its tokenizer isn't the one")));
}

TEST(TorchScriptArchive, FilesThatAreNoneAreToldApart) {
  testing::TemporaryFolder folder;
  const auto message = [&](const std::string& name) {
    try {
      TorchScriptArchive archive(folder / name);
    } catch (const InputError& failure) {
      return std::string(failure.what());
    }
    return std::string();
  };
  EXPECT_THAT(message("missing.pt"), HasSubstr("does not exist"));
  write_file(folder / "text.pt", "hello");
  EXPECT_THAT(message("text.pt"), HasSubstr("not a TorchScript archive"));
  write_file(folder / "empty.pt", "");
  EXPECT_THAT(message("empty.pt"), HasSubstr("not a TorchScript archive"));
  save_artifact(make_artifact({"int8-dynamic", {}}), folder / "whole.pt");
  const std::string whole = read_file(folder / "whole.pt");
  write_file(folder / "cut.pt", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(message("cut.pt"), HasSubstr("damaged or truncated"));
}

}  // namespace
}  // namespace clipq
