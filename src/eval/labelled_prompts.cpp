#include "labelled_prompts.h"

#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/text/prompts.h"

namespace clipq {

LabelledPrompts labelled_prompts(const TaskData& data) {
  const TaskOptions& options = data.options;
  LabelledPrompts labelled;
  labelled.space = label_space(data.dataset, data.count, options.classnames, options.classes);
  labelled.ensemble = {
      labelled.space.class_names,
      load_templates(options.templates, {data.dataset.name(), data.dataset.layout()})};
  labelled.settings = {{"classes", options.classes == ClassChoice::kAll ? "all" : "present"},
                       {"class_names", labelled.space.class_names.size()},
                       {"templates", std::filesystem::path(options.templates).filename().string()},
                       {"prompts_sha256", sha256_of(join(labelled.ensemble.prompts(), "\n"))}};
  if (!labelled.space.folder_order.empty()) {
    labelled.settings["folder_order"] = labelled.space.folder_order;
  }
  return labelled;
}

}  // namespace clipq
