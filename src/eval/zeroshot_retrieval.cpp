#include <utility>

#include "captioned_features.h"
#include "clipq/core/strings.h"
#include "clipq/eval/captions.h"
#include "clipq/eval/nearest.h"
#include "clipq/eval/retrieval_ranks.h"
#include "clipq/eval/task.h"
#include "recall.h"

namespace clipq {
namespace {

/// Which image is first for each text, then which text for each image.
std::vector<std::int64_t> first_results(const at::Tensor& images, const at::Tensor& texts) {
  std::vector<std::int64_t> first = nearest(texts, images);
  const std::vector<std::int64_t> first_texts = nearest(images, texts);
  first.insert(first.end(), first_texts.begin(), first_texts.end());
  return first;
}

Measurement measure(const RetrievalRanks& ranks, const std::vector<std::int64_t>& recall_k,
                    const std::vector<std::int64_t>& captions_per_image) {
  Measurement measurement;
  for (const std::int64_t k : recall_k) {
    add_recall(measurement, cat("image_retrieval_recall@", k),
               hits_within(ranks.image_of_text, k, captions_per_image));
  }
  for (const std::int64_t k : recall_k) {
    add_recall(measurement, cat("text_retrieval_recall@", k),
               hits_within(ranks.text_of_image, k, {}));
  }
  return measurement;
}

TaskReport measure(const TaskInput& input, const CaptionedFeatures& features) {
  const auto& [images, captions, texts] = features;
  std::vector<std::int64_t> captions_per_image(images.items.size(), 0);
  for (const std::int64_t image : captions.image_of) ++captions_per_image[image];
  TaskReport report;
  report.items = static_cast<std::int64_t>(images.items.size());
  report.skipped = images.skipped;
  report.settings = {{"captions", captions.texts.size()}};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    report.models.push_back(measure(retrieval_ranks(images.rows[i], texts[i], captions.image_of),
                                    input.options.recall_k, captions_per_image));
    if (input.wants_decisions) {
      report.models.back().decisions = first_results(images.rows[i], texts[i]);
    }
  }
  return report;
}

}  // namespace

std::vector<TaskOption> zeroshot_retrieval_options() {
  return {{"recall-k", "values of K in recall@K, separated by commas",
           CountsOption{&TaskOptions::recall_k}}};
}

void check_zeroshot_retrieval(const TaskData& data) { captions_of(data.dataset, {0}); }

Measure encode_zeroshot_retrieval(const TaskInput& input) {
  return [input, features = encode_captioned(input)] { return measure(input, features); };
}

}  // namespace clipq
