#include "clipq/eval/task.h"

#include "clipq/core/find_named.h"
#include "labelled_prompts.h"

namespace clipq {

const std::vector<Task>& tasks() {
  static const std::vector<Task> table = {
      {"zeroshot_classification",
       "top-1, top-5 and mean per-class recall with prompt ensembles; mean average precision for "
       "images with several labels",
       zeroshot_classification_options(),
       check_zeroshot_classification,
       encode_zeroshot_classification,
       {Tower::kImage, Tower::kText}},
      {"zeroshot_retrieval",
       "recall@K of images by captions and of captions by images",
       zeroshot_retrieval_options(),
       check_zeroshot_retrieval,
       encode_zeroshot_retrieval,
       {Tower::kImage, Tower::kText}},
      {"index_compatibility",
       "whether an index of the first model's embeddings can be searched with another's, and can "
       "store codes: recall, overlap and displacement of what is found, and a verdict",
       index_compatibility_options(),
       check_index_compatibility,
       encode_index_compatibility,
       {Tower::kImage, Tower::kText},
       /*layer_by_layer=*/false,
       /*default_limit=*/0,
       /*compares_models=*/true},
      {"linear_probe",
       "accuracy of a logistic regression on image features",
       linear_probe_options(),
       check_linear_probe,
       encode_linear_probe,
       {Tower::kImage}},
      {"drift",
       "how far embeddings and decisions have moved from the first model's: cosines, agreement, "
       "rank correlation, calibration error",
       drift_options(),
       check_drift,
       encode_drift,
       {},
       /*layer_by_layer=*/false,
       /*default_limit=*/0,
       /*compares_models=*/true},
      {"layers",
       "how far each block's output has moved from the first model's; histograms of weights and "
       "GELU outputs; the quantizers",
       prompt_options(),
       check_layers,
       encode_layers,
       {},
       /*layer_by_layer=*/true,
       /*default_limit=*/64,
       /*compares_models=*/true},
  };
  return table;
}

const Task& find_task(const std::string& name, const std::string& where) {
  return find_named(tasks(), name, "task", where);
}

}  // namespace clipq
