#include "labelled_prompts.h"

#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/text/prompts.h"

namespace clipq {
namespace {

void choose_classes(TaskOptions& options, const std::string& name, const std::string& where) {
  options.classes = parse_class_choice(name, where);
}

}  // namespace

std::vector<TaskOption> prompt_options() {
  return {
      {"classnames",
       "class names: a text file with one name per line, a JSON list, CLIP_benchmark's object "
       "keyed by data set, or names keyed by class",
       FileOption{&TaskOptions::classnames}, "", /*data_attribute=*/"classnames"},
      {"templates", "prompt templates: a built-in set, or a file: JSON, or one template per line",
       TextOption{&TaskOptions::templates, "TEMPLATES"}},
      {"classes", "classify among all named classes, or only those present in the data",
       ChoiceOption{{"all", "present"}, choose_classes}},
  };
}

LabelledPrompts labelled_prompts(const TaskData& data) {
  const TaskOptions& options = data.options;
  LabelledPrompts labelled;
  labelled.space = label_space(data.dataset, data.count, options.classnames, options.classes);
  labelled.ensemble = {
      labelled.space.class_names,
      load_templates(options.templates,
                     {data.dataset.name(), data.dataset.layout(), data.dataset.templates()})};
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
