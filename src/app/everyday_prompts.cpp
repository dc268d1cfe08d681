#include "everyday_prompts.h"

#include "clipq/eval/prompt_classifier.h"
#include "clipq/text/prompts.h"

namespace clipq {

at::Tensor everyday_prompts(const OpenedModel& opened) {
  constexpr std::size_t kClasses = 16;
  if (!opened.model.text || !opened.tokenizer.fits(opened.model.text->config().vocab_size))
    return {};
  std::vector<std::string> names = builtin_class_names("imagenet1k");
  names.resize(kClasses);
  const PromptEnsemble ensemble = {names, load_templates("imagenet7", "imagenet1k")};
  return tokens_of(ensemble.prompts(), opened.tokenizer, opened.model.text->config());
}

}  // namespace clipq
