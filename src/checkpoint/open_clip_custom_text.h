#pragma once

#include <string>

#include "clipq/model/state_dict.h"

namespace clipq {

/// open_clip's `CustomTextCLIP`: the text tower's names begin with "text.", and its projection is a
/// layer of its own if it has a bias.
StateDict canonical_open_clip_custom_text(StateDict state, const std::string& where);

}  // namespace clipq
