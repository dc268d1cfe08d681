#include "clipq/core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"

namespace clipq::log {
namespace {

struct Logger {
  Level level = Level::kNormal;
  std::shared_ptr<spdlog::logger> out;
};

spdlog::level::level_enum threshold(Level level) {
  switch (level) {
    case Level::kVerbose:
      return spdlog::level::debug;
    case Level::kQuiet:
      return spdlog::level::err;
    case Level::kNormal:
      break;
  }
  return spdlog::level::info;
}

Logger make_logger(Level level, const std::string& file) {
  auto console = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  console->set_level(threshold(level));
  console->set_pattern("%^%l%$: %v");
  auto out = std::make_shared<spdlog::logger>("clipq", console);
  out->set_level(spdlog::level::debug);
  if (!file.empty()) {
    // spdlog would create the folder.
    const std::filesystem::path folder = std::filesystem::path(file).parent_path();
    if (!folder.empty()) require_folder(folder, "folder of the log file");
    try {
      auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
      sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
      out->sinks().push_back(sink);
      out->flush_on(spdlog::level::info);
    } catch (const spdlog::spdlog_ex& failure) {
      throw InputError(cat("cannot open the log file ", file, ": ", failure.what()));
    }
  }
  return {level, out};
}

/// The program's one log: the single piece of state that every module shares.
Logger& logger() {
  static Logger instance = make_logger(Level::kNormal, "");
  return instance;
}

}  // namespace

void configure(Level level, const std::string& file) { logger() = make_logger(level, file); }

Level level() { return logger().level; }

void debug(const std::string& message) { logger().out->debug("{}", message); }
void info(const std::string& message) { logger().out->info("{}", message); }
void warn(const std::string& message) { logger().out->warn("{}", message); }
void error(const std::string& message) { logger().out->error("{}", message); }

}  // namespace clipq::log
