#pragma once

#include <string>

namespace clipq::log {

/// What reaches stderr (and the log file, if there is one).
enum class Level { kVerbose, kNormal, kQuiet };

/// Sets the level, and a file that gets every message too (empty: none).
/// Call once, before the first message. Throws InputError if the file can't be opened.
void configure(Level level, const std::string& file);

/// The level in force.
Level level();

void debug(const std::string& message);  ///< shown with --verbose
void info(const std::string& message);   ///< shown unless --quiet
void warn(const std::string& message);   ///< shown unless --quiet
void error(const std::string& message);  ///< always shown

}  // namespace clipq::log
