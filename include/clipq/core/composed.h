#pragma once

#include <string>

namespace clipq {

/// UTF-8 in Unicode's composed form (NFC), in which equal names have equal bytes; text that isn't
/// UTF-8 as it is.
std::string composed(const std::string& text);

}  // namespace clipq
