#include "clipq/app/classify_command.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <set>

#include "clipq/app/failure.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"
#include "clipq/data/image.h"
#include "clipq/eval/prompt_classifier.h"
#include "clipq/model/finite.h"
#include "clipq/report/table.h"
#include "clipq/text/prompts.h"

namespace clipq {
namespace {

constexpr const char* kAsItStands = "{c}";

void check_labels(const std::vector<std::string>& labels) {
  if (labels.empty()) throw UsageError("classify: no labels; pass --labels or --labels-file");
  std::set<std::string> seen;
  for (const std::string& label : labels) {
    if (label.empty()) throw UsageError("classify: a label is empty");
    if (!seen.insert(label).second) {
      throw UsageError(cat("classify: the label \"", label, "\" is given twice"));
    }
  }
}

/// One vector per label: float64 [labels, embed_dim].
at::Tensor label_vectors(const OpenedModel& opened, const ClassifyOptions& options) {
  const std::vector<std::string> templates = options.templates.empty()
                                                 ? std::vector<std::string>{kAsItStands}
                                                 : load_templates(options.templates, "imagenet1k");
  const PromptEnsemble ensemble = {options.labels, templates};
  const Encoder encoder({evaluated(opened)}, {});
  return prompt_classifier(encoder.texts(ensemble.prompts()).front(), options.labels.size());
}

at::Tensor pixels_of(const std::filesystem::path& file, const Preprocess& preprocess) {
  at::Tensor pixels = at::empty({1, 3, preprocess.size, preprocess.size});
  clipq::preprocess(decode_image(file, needed_by({preprocess})), preprocess,
                    pixels.mutable_data_ptr<float>());
  return pixels;
}

/// The most likely labels first; ties in the order given.
std::vector<ScoredLabel> likeliest(const at::Tensor& probabilities,
                                   const ClassifyOptions& options) {
  std::vector<ScoredLabel> scored;
  const auto* values = probabilities.const_data_ptr<double>();
  for (std::size_t i = 0; i < options.labels.size(); ++i) {
    scored.push_back({options.labels[i], values[i]});
  }
  std::stable_sort(scored.begin(), scored.end(), [](const ScoredLabel& a, const ScoredLabel& b) {
    return a.probability > b.probability;
  });
  if (static_cast<std::int64_t>(scored.size()) > options.top) {
    scored.resize(static_cast<std::size_t>(options.top));
  }
  return scored;
}

}  // namespace

std::vector<ClassifiedImage> classify(const ClassifyOptions& options) {
  check_labels(options.labels);
  const OpenedModel opened = open_model(options.model_file, options.model);
  for (const Tower tower : kTowers) require_tower(opened.model, tower, opened.info.path);
  const at::Tensor labels = label_vectors(opened, options);
  const at::Tensor scale = opened.model.logit_scale.to(at::kDouble).exp();
  std::vector<ClassifiedImage> classified;
  Progress progress("images", static_cast<std::int64_t>(options.images.size()));
  for (const std::filesystem::path& image : options.images) {
    ClassifiedImage& each = classified.emplace_back();
    each.image = image;
    try {
      const at::Tensor pixels = pixels_of(image, opened.model.preprocess);
      const at::Tensor embedding = opened.model.encode_image(pixels);
      require_finite(embedding, opened.model, Tower::kImage, pixels, opened.info.path,
                     [&image](std::int64_t) { return image.string(); });
      const at::Tensor logits =
          at::matmul(normalize_rows(embedding.to(at::kDouble)), labels.t()).mul(scale);
      each.labels = likeliest(at::softmax(logits, 1).contiguous(), options);
    } catch (const InputError& failure) {
      each.error = failure_of(failure).message;
    }
    progress.advance();
  }
  return classified;
}

std::string to_text(const std::vector<ClassifiedImage>& images) {
  Table table({{"image"}, {"label"}, {"probability %", Align::kRight}});
  for (const ClassifiedImage& each : images) {
    if (!each.error.empty()) table.add_row({each.image.string(), "(failed)", ""});
    for (const ScoredLabel& label : each.labels) {
      const bool first = &label == &each.labels.front();
      table.add_row(
          {first ? each.image.string() : "", label.label, fixed(100 * label.probability, 2)});
    }
  }
  return table.text();
}

Json to_json(const std::vector<ClassifiedImage>& images) {
  Json json = {{"images", Json::array()}};
  for (const ClassifiedImage& each : images) {
    Json entry = {{"image", each.image.string()}};
    if (!each.error.empty()) entry["error"] = each.error;
    for (const ScoredLabel& label : each.labels) {
      entry["labels"].push_back({{"label", label.label}, {"probability", label.probability}});
    }
    json["images"].push_back(std::move(entry));
  }
  return json;
}

void require_classified(const std::vector<ClassifiedImage>& images) {
  std::vector<std::string> errors;
  for (const ClassifiedImage& each : images) {
    if (!each.error.empty()) errors.push_back(each.error);
  }
  if (errors.empty()) return;
  throw InputError(
      cat(errors.size(), " of ", images.size(), " images failed: ", join(errors, "; ")));
}

}  // namespace clipq
