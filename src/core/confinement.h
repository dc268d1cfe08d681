#pragma once

#include <string>

namespace clipq {

/// Irrevocably denies the calling process the right to write files, open sockets, start programs
/// and signal others. What was open stays open; descriptors 0 to 3 may be written to.
/// @return why it failed; empty on success
std::string confine_this_process();

}  // namespace clipq
