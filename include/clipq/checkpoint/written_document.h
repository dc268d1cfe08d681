#pragma once

#include <string>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// A document for other programs.
struct WrittenDocument {
  Json json;
  std::vector<std::string> inexpressible;  ///< what its format can't tell, in words; empty: nothing
};

}  // namespace clipq
