#include "console_log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"

namespace clipq::cli {
namespace {

using spdlog::level::level_enum;

/// The least severity that reaches stderr.
level_enum threshold(LogLevel level) {
  switch (level) {
    case LogLevel::kVerbose:
      return level_enum::debug;
    case LogLevel::kQuiet:
      return level_enum::err;
    case LogLevel::kNormal:
      break;
  }
  return level_enum::info;
}

level_enum level_of(log::Severity severity) {
  switch (severity) {
    case log::Severity::kDebug:
      return level_enum::debug;
    case log::Severity::kInfo:
      return level_enum::info;
    case log::Severity::kWarning:
      return level_enum::warn;
    case log::Severity::kError:
      break;
  }
  return level_enum::err;
}

std::shared_ptr<spdlog::sinks::sink> file_sink(const std::string& file) {
  // spdlog would create the folder.
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!folder.empty()) require_folder(folder, "folder of the log file");
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    return sink;
  } catch (const spdlog::spdlog_ex& failure) {
    throw InputError(cat("cannot open the log file ", file, ": ", failure.what()));
  }
}

}  // namespace

void log_to_console(LogLevel level, const std::string& file) {
  auto console = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  console->set_level(threshold(level));
  console->set_pattern("%^%l%$: %v");
  auto logger = std::make_shared<spdlog::logger>("clipq", console);
  logger->set_level(level_enum::debug);
  if (!file.empty()) {
    logger->sinks().push_back(file_sink(file));
    logger->flush_on(level_enum::info);
  }
  log::set_sink([logger](log::Severity severity, const std::string& message) {
    logger->log(level_of(severity), "{}", message);
  });
}

}  // namespace clipq::cli
