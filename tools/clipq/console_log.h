#pragma once

#include <string>

namespace clipq::cli {

/// What reaches stderr (and the log file, if there is one).
enum class LogLevel { kVerbose, kNormal, kQuiet };

/// Sends clipq's messages to stderr and to a file that gets those of every severity (empty: none).
/// Throws InputError if the file can't be opened.
void log_to_console(LogLevel level, const std::string& file);

}  // namespace clipq::cli
