#include "clipq/core/log.h"

#include <memory>
#include <mutex>
#include <utility>

namespace clipq::log {
namespace {

/// The process's log: the only state that all modules share.
class SharedSink {
 public:
  void set(Sink sink) {
    const std::lock_guard lock(mutex_);
    sink_ = std::make_shared<const Sink>(std::move(sink));
  }

  void send(Severity severity, const std::string& message) const {
    std::shared_ptr<const Sink> sink;  // may be replaced while it is called
    {
      const std::lock_guard lock(mutex_);
      sink = sink_;
    }
    if (*sink) (*sink)(severity, message);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Sink> sink_ = std::make_shared<const Sink>();
};

SharedSink& shared_sink() {
  static SharedSink instance;
  return instance;
}

}  // namespace

void set_sink(Sink sink) { shared_sink().set(std::move(sink)); }

void debug(const std::string& message) { shared_sink().send(Severity::kDebug, message); }
void info(const std::string& message) { shared_sink().send(Severity::kInfo, message); }
void warn(const std::string& message) { shared_sink().send(Severity::kWarning, message); }
void error(const std::string& message) { shared_sink().send(Severity::kError, message); }

}  // namespace clipq::log
