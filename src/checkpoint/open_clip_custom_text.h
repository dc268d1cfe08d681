#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// open_clip's `CustomTextCLIP`: the text tower's names begin with "text.".
StateDict canonical_open_clip_custom_text(StateDict state, const std::string& where);

std::string original_open_clip_custom_text(const std::string& canonical);

}  // namespace clipq
