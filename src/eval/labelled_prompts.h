#pragma once

#include "clipq/eval/prompt_classifier.h"
#include "clipq/eval/task.h"

namespace clipq {

/// The classes of an evaluation and their texts.
struct LabelledPrompts {
  LabelSpace space;
  PromptEnsemble ensemble;
  Json settings;  ///< what belongs in a Result
};

/// The options of tasks that put class names into prompts.
std::vector<TaskOption> prompt_options();

/// Classes and prompts as the options choose them. Throws what label_space() and load_templates()
/// throw.
LabelledPrompts labelled_prompts(const TaskData& data);

}  // namespace clipq
