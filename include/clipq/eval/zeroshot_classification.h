#pragma once

#include <string>
#include <vector>

#include "clipq/eval/classification_metrics.h"
#include "clipq/eval/encode.h"

namespace clipq {

/// A prompt ensemble: every class name is put into every template.
struct PromptEnsemble {
  std::vector<std::string> class_names;  ///< in label order
  std::vector<std::string> templates;    ///< each with the placeholder {c}
};

/// One vector per class: the prompts' embeddings normalized, averaged over the templates and
/// normalized again, as CLIP_benchmark does. Float32 [classes, embed_dim].
at::Tensor build_classifier(const ClipModel& model, const Tokenizer& tokenizer,
                            const PromptEnsemble& prompts, const EncodeOptions& options);

/// Zero-shot classification of the first `limit` items (0: all) by cosine.
/// Throws UsageError if the data set has no labels or they don't fit the number of class names.
ClassificationMetrics classify_zeroshot(const ClipModel& model, const Tokenizer& tokenizer,
                                        const Dataset& dataset, const PromptEnsemble& prompts,
                                        std::int64_t limit, const EncodeOptions& options);

}  // namespace clipq
