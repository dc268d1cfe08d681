#pragma once

#include <string>
#include <vector>

#include "clipq/eval/encode.h"

namespace clipq {

/// A prompt ensemble: every class name is put into every template.
struct PromptEnsemble {
  std::vector<std::string> class_names;  ///< in label order
  std::vector<std::string> templates;    ///< each with the placeholder {c}

  /// All prompts, class by class.
  std::vector<std::string> prompts() const;
};

/// The scale of CLIP's logits: 100 times the cosine, as CLIP_benchmark has it.
inline constexpr double kLogitScale = 100;

/// One vector per class: the prompts' embeddings normalized, averaged over the templates and
/// normalized again, as CLIP_benchmark does. Float64 [classes, embed_dim].
/// @param embeddings of PromptEnsemble::prompts(), [classes * templates, embed_dim]
at::Tensor prompt_classifier(const at::Tensor& embeddings, std::size_t classes);

}  // namespace clipq
