#include "clipq/eval/zeroshot_classification.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/prompts.h"

namespace clipq {

at::Tensor build_classifier(const ClipModel& model, const Tokenizer& tokenizer,
                            const PromptEnsemble& prompts, const EncodeOptions& options) {
  std::vector<std::string> texts;
  for (const std::string& name : prompts.class_names) {
    for (const std::string& prompt_template : prompts.templates) {
      texts.push_back(fill_template(prompt_template, name));
    }
  }
  const at::Tensor embeddings = normalize_rows(encode_texts(model, tokenizer, texts, options));
  const auto classes = static_cast<std::int64_t>(prompts.class_names.size());
  return normalize_rows(embeddings.view({classes, -1, embeddings.size(1)}).mean(1));
}

ClassificationMetrics classify_zeroshot(const ClipModel& model, const Tokenizer& tokenizer,
                                        const Dataset& dataset, const PromptEnsemble& prompts,
                                        std::int64_t limit, const EncodeOptions& options) {
  const std::int64_t count = items_within(limit, dataset);
  const auto classes = static_cast<int>(prompts.class_names.size());
  std::vector<int> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    labels.push_back(dataset.label(i));
    if (labels.back() < 0 || labels.back() >= classes) {
      throw UsageError(
          cat(dataset.spec(), ": ", dataset.item_name(i),
              labels.back() < 0 ? std::string(" has no label") : cat(" has label ", labels.back()),
              ", but there are ", classes,
              " class names; zero-shot classification needs a name for every label "
              "(--classnames)"));
    }
  }
  const at::Tensor classifier = build_classifier(model, tokenizer, prompts, options);
  const at::Tensor images = normalize_rows(encode_images(model, dataset, limit, options));
  return classification_metrics(images.matmul(classifier.t()), labels);
}

}  // namespace clipq
