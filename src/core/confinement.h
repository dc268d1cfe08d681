#pragma once

#include <string>

namespace clipq {

/// Takes from the calling process, for good, the right to write files, open sockets, start programs
/// and signal others. What was open stays open; descriptors 0 to 3 may be written to.
/// @return why it can't be done here; empty: it is done
std::string confine_this_process();

}  // namespace clipq
