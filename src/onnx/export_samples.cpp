#include "export_samples.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "clipq/core/npy.h"
#include "clipq/core/strings.h"
#include "clipq/data/demo_data.h"
#include "clipq/data/preprocess.h"

namespace clipq {
namespace {

constexpr std::uint64_t kSeed = 17;
constexpr int kSamples = 7;

at::Tensor preprocessed(const std::vector<DemoSample>& samples, const Preprocess& settings) {
  const at::Tensor pixels =
      at::empty({kSamples, 3, settings.size, settings.size}, at::kFloat);
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

void write(const std::filesystem::path& file, const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  if (tensor.scalar_type() == at::kLong) {
    write_npy(file, tensor.const_data_ptr<std::int64_t>(), tensor.sizes().vec());
  } else {
    write_npy(file, tensor.const_data_ptr<float>(), tensor.sizes().vec());
  }
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

void write_samples(const ExportSamples& samples, const std::filesystem::path& folder) {
  write(folder / "pixel_values.npy", samples.pixels);
  write(folder / "input_ids.npy", samples.tokens);
  write(folder / "lengths.npy", samples.lengths);
  write(folder / "image_embeds.npy", samples.image);
  write(folder / "text_embeds.npy", samples.text);
}

}  // namespace clipq
