#include "labelled_prompts.h"

#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/text/prompts.h"

namespace clipq {
namespace {

std::string digest_of(const std::vector<std::string>& prompts) {
  Sha256 hash;
  hash.update(join(prompts, "\n"));
  return hash.finish();
}

}  // namespace

LabelledPrompts labelled_prompts(const TaskInput& input) {
  const TaskOptions& options = input.options;
  const Dataset& dataset = input.source.dataset;
  LabelledPrompts labelled;
  labelled.space = label_space(dataset, input.source.count, options.classnames, options.classes);
  labelled.ensemble = {labelled.space.class_names,
                       load_templates(options.templates, dataset.name())};
  labelled.settings = {{"classes", options.classes == ClassChoice::kAll ? "all" : "present"},
                       {"class_names", labelled.space.class_names.size()},
                       {"templates", std::filesystem::path(options.templates).filename().string()},
                       {"prompts_sha256", digest_of(labelled.ensemble.prompts())}};
  return labelled;
}

}  // namespace clipq
