#pragma once

#include <string>

namespace clipq {

/// The SHA-256 of the running program's file: what it computed under another one isn't taken for
/// its own.
const std::string& program_digest();

}  // namespace clipq
