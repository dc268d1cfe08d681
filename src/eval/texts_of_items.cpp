#include "texts_of_items.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "labelled_prompts.h"

namespace clipq {

TextSource text_source(const Dataset& dataset) {
  if (!dataset.captions(0).empty()) return TextSource::kCaptions;
  return dataset.label(0) >= 0 ? TextSource::kPrompts : TextSource::kNone;
}

ImageFeatures images_or_items(const TaskInput& input, Component wanted) {
  if (includes(wanted, Tower::kImage)) return input.encoder.images(input.source);
  if (text_source(input.source.dataset) == TextSource::kNone) {
    throw UsageError(cat(input.source.dataset.spec(),
                         " has neither captions nor classes, and the models embed only texts"));
  }
  return {{}, first_indices(input.source.count), {}};
}

std::vector<std::string> texts_of_items(const TaskData& data,
                                        const std::vector<std::int64_t>& items) {
  std::vector<std::string> texts;
  const TextSource source = text_source(data.dataset);
  if (source == TextSource::kCaptions) {
    for (const std::int64_t item : items) {
      const std::vector<std::string>& captions = data.dataset.captions(item);
      if (!captions.empty()) texts.push_back(captions.front());
    }
  }
  if (source == TextSource::kPrompts) {
    LabelledPrompts labelled = labelled_prompts(data);
    labelled.space.keep_items(items);
    const std::vector<std::string> prompts = labelled.ensemble.prompts();
    const std::size_t templates = labelled.ensemble.templates.size();
    for (const int label : labelled.space.single_labels()) {
      texts.push_back(prompts[static_cast<std::size_t>(label) * templates]);
    }
  }
  return texts;
}

}  // namespace clipq
