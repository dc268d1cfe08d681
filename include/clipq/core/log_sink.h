#pragma once

#include <functional>
#include <string>

#include "clipq/core/export.h"

namespace clipq::log {

enum class Severity { kDebug, kInfo, kWarning, kError };

/// Receives one message, a single line without the severity. Called from any thread, possibly
/// concurrently. It must not throw.
using Sink = std::function<void(Severity severity, const std::string& message)>;

/// Sends all messages of the process to `sink`; an empty sink (the default) discards them.
CLIPQ_EXPORT void set_sink(Sink sink);

}  // namespace clipq::log
