#include "clipq/onnx/export_samples.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "clipq/core/npy.h"
#include "clipq/core/strings.h"
#include "clipq/data/demo_data.h"
#include "clipq/data/preprocess.h"
#include "clipq/quant/simulated_layers.h"
#include "write_linear.h"

namespace clipq {
namespace {

constexpr std::uint64_t kSeed = 17;
constexpr int kSamples = 7;
/// Relative, of a product over a thousand terms.
constexpr double kRounding = 1e-6;

at::Tensor preprocessed(const std::vector<DemoSample>& samples, const Preprocess& settings) {
  at::Tensor pixels = at::empty({kSamples, 3, settings.size, settings.size}, at::kFloat);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    preprocess(samples[i].image, settings,
               pixels[static_cast<std::int64_t>(i)].mutable_data_ptr<float>());
  }
  return pixels;
}

/// Short ones first.
std::vector<std::string> texts_of(const std::vector<DemoSample>& samples) {
  std::vector<std::string> texts = {"red"};
  for (const DemoSample& sample : samples) texts.push_back(sample.caption);
  texts.resize(samples.size());
  std::string& longest = texts.back();
  for (int i = 0; i < 5; ++i) longest += cat("; ", longest);
  return texts;
}

at::Tensor maybe_normalized(const at::Tensor& rows, bool normalize) {
  return (normalize ? normalize_rows(rows) : rows).contiguous();
}

/// Every other value a little larger, the rest a little smaller.
at::Tensor rounded_otherwise(const at::Tensor& x) {
  const at::Tensor signs =
      at::arange(x.numel(), at::kFloat).remainder(2).mul(2).sub(1).view(x.sizes());
  return x.mul(signs.mul(kRounding).add(1));
}

void write(const std::filesystem::path& file, const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  if (tensor.scalar_type() == at::kLong) {
    write_npy(file, tensor.const_data_ptr<std::int64_t>(), tensor.sizes().vec());
  } else {
    write_npy(file, tensor.const_data_ptr<float>(), tensor.sizes().vec());
  }
}

/// A layer with the weight of `contents`.
std::shared_ptr<const Linear> simulated_linear(const LinearContents& contents, at::Tensor bias,
                                               std::optional<ActivationQuantizer> input) {
  auto weight = contents.quantized == nullptr ? std::make_shared<StoredWeight>(contents.weight)
                                              : std::make_shared<StoredWeight>(*contents.quantized);
  return std::make_shared<SimulatedLinear>(std::move(weight), std::move(bias), std::move(input));
}

std::shared_ptr<const Linear> with_bias_rounded_otherwise(const Linear& layer) {
  const LinearContents contents = contents_of(layer);
  std::optional<ActivationQuantizer> input;
  if (contents.input != nullptr) input = *contents.input;
  return simulated_linear(contents, rounded_otherwise(contents.bias), std::move(input));
}

ActivationQuantizer eight_bits_per_row() {
  QuantizerSpec spec;
  spec.granularity = Granularity::kToken;
  spec.range = RangeKind::kDynamic;
  return ActivationQuantizer::dynamic(spec);
}

/// The least cosine of another model's embeddings with the samples'.
double measured_cosine(const ClipModel& other, const ExportSamples& samples) {
  double least = 1;
  const auto compare = [&least](const at::Tensor& a, const at::Tensor& b) {
    least = std::min(least, row_cosines(a, b).min().item<double>());
  };
  if (other.image) compare(other.encode_image(samples.pixels), samples.image);
  if (other.text) compare(other.encode_text(samples.tokens), samples.text);
  return least;
}

}  // namespace

ExportSamples make_samples(const ClipModel& model, const Tokenizer& tokenizer, bool normalize) {
  const at::NoGradGuard no_grad;
  const std::vector<DemoSample> drawn = draw_demo_samples(kSeed, kSamples);
  ExportSamples samples;
  if (model.image) {
    samples.pixels = preprocessed(drawn, model.preprocess);
    samples.image = maybe_normalized(model.encode_image(samples.pixels), normalize);
  }
  if (model.text) {
    const std::int64_t context = model.text->config().context_length;
    samples.tokens = at::tensor(tokenizer.tokenize(texts_of(drawn), context), at::kLong)
                         .view({kSamples, context});
    samples.lengths = model.text->lengths(samples.tokens).contiguous();
    samples.text = maybe_normalized(model.encode_text(samples.tokens), normalize);
  }
  return samples;
}

double cosine_after_rounding(const ClipModel& model, const ExportSamples& samples) {
  const at::NoGradGuard no_grad;
  ClipModel noisy = model;
  const ModelParts parts = parts_of(noisy);
  for (const TensorPart& part : parts.tensors) {
    if (part.use == TensorUse::kPositions) *part.tensor = rounded_otherwise(*part.tensor);
  }
  // A ResNet's positions stand at its end.
  for (const LinearPart& part : parts.linears) {
    if (part.window) *part.layer = with_bias_rounded_otherwise(**part.layer);
  }
  return measured_cosine(noisy, samples);
}

bool runtimes_quantize_input(const LinearContents& contents) {
  if (contents.quantized == nullptr) return false;
  const QuantizerSpec& weight = contents.quantized->spec;
  return !format_info(weight.format).is_float &&
         (contents.input == nullptr || weight.format == Format::kInt4 ||
          weight.granularity == Granularity::kGroup);
}

double cosine_with_other_inputs(const ClipModel& model, const ExportSamples& samples) {
  const at::NoGradGuard no_grad;
  ClipModel other = model;
  bool differs = false;
  for (const LinearPart& part : parts_of(other).linears) {
    const std::optional<LinearContents> contents = (*part.layer)->contents();
    if (!contents || !runtimes_quantize_input(*contents)) continue;
    differs = true;
    std::optional<ActivationQuantizer> input;
    if (contents->input == nullptr) input = eight_bits_per_row();
    *part.layer = simulated_linear(*contents, contents->bias, std::move(input));
  }
  return differs ? measured_cosine(other, samples) : 1;
}

void write_samples(const ExportSamples& samples, const std::filesystem::path& folder) {
  write(folder / "pixel_values.npy", samples.pixels);
  write(folder / "input_ids.npy", samples.tokens);
  write(folder / "lengths.npy", samples.lengths);
  write(folder / "image_embeds.npy", samples.image);
  write(folder / "text_embeds.npy", samples.text);
}

}  // namespace clipq
