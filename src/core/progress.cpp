#include "clipq/core/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "clipq/core/interrupt.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr int kBarWidth = 30;
constexpr auto kRedrawInterval = std::chrono::milliseconds(100);

}  // namespace

Progress::Progress(std::string label, std::int64_t total)
    : label_(std::move(label)),
      total_(total),
      visible_(log::level() != log::Level::kQuiet && isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_) {
  if (visible_) draw();
}

Progress::~Progress() {
  if (visible_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::int64_t steps) {
  throw_if_interrupted();
  done_ += steps;
  const auto now = std::chrono::steady_clock::now();
  if (!visible_ || now - last_draw_ < kRedrawInterval) return;
  last_draw_ = now;
  draw();
}

void Progress::draw() const {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  std::string line = cat("\r", label_, " ");
  if (total_ > 0) {
    const auto filled = static_cast<int>(std::min(done_, total_) * kBarWidth / total_);
    line += cat("[", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), "] ", done_,
                "/", total_);
  } else {
    line += cat(done_);
  }
  line += cat("  ", fixed(seconds, 0), " s\033[K");
  std::fputs(line.c_str(), stderr);
}

}  // namespace clipq
