#include "clipq/eval/prompt_classifier.h"

#include "clipq/text/prompts.h"

namespace clipq {

std::vector<std::string> PromptEnsemble::prompts() const {
  std::vector<std::string> texts;
  for (const std::string& name : class_names) {
    for (const std::string& prompt_template : templates) {
      texts.push_back(fill_template(prompt_template, name));
    }
  }
  return texts;
}

at::Tensor prompt_classifier(const at::Tensor& embeddings, std::size_t classes) {
  const at::Tensor rows = normalize_rows(embeddings.to(at::kDouble));
  return normalize_rows(rows.view({static_cast<std::int64_t>(classes), -1, rows.size(1)}).mean(1));
}

}  // namespace clipq
