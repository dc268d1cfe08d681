#include "clipq/eval/captions.h"

#include "clipq/core/error.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"

namespace clipq {

Captions captions_of(const Dataset& dataset, const std::vector<std::int64_t>& items) {
  Captions captions;
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (const std::string& text : dataset.captions(items[i])) {
      captions.texts.push_back(text);
      captions.image_of.push_back(static_cast<std::int64_t>(i));
    }
  }
  if (captions.texts.empty()) {
    throw UsageError(cat(dataset.spec(), " has no captions; pass coco:DIR with a captions file"),
                     {{Setting::kCaptions}});
  }
  return captions;
}

}  // namespace clipq
