#pragma once

#include <string>

#include "clipq/core/log_sink.h"

namespace clipq::log {

void debug(const std::string& message);
void info(const std::string& message);
void warn(const std::string& message);
void error(const std::string& message);

}  // namespace clipq::log
