#include "clipq/core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string_view>
#include <utility>

#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBarWidth = 30;
constexpr std::size_t kShortestBar = 5;
constexpr auto kRedrawInterval = std::chrono::milliseconds(100);

/// The terminal is the program's to draw on, not a library's.
std::atomic<bool> progress_is_shown = false;

/// The terminal has one line, and so there is one prefix for it.
const OverallProgress* overall = nullptr;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Columns of the terminal on stderr; 80 if unknown.
std::size_t terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string rate_text(double per_second) {
  return cat(fixed(per_second, per_second < 10 ? 1 : 0), "/s");
}

}  // namespace

void show_progress(bool shown) { progress_is_shown = shown; }

Progress::Progress(std::string label, std::int64_t total)
    : label_(std::move(label)),
      total_(total),
      visible_(progress_is_shown && isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_draw_(start_) {
  if (visible_) draw();
}

Progress::~Progress() {
  if (visible_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::int64_t steps) {
  throw_if_interrupted();
  done_ += steps;
  const auto now = Clock::now();
  if (!visible_ || now - last_draw_ < kRedrawInterval) return;
  last_draw_ = now;
  draw();
}

void Progress::draw() const {
  const double seconds = seconds_since(start_);
  const double per_second = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  const std::string before = cat(overall != nullptr ? cat("[", overall->text(), "] ") : "", label_);
  std::string after = total_ > 0 ? cat(" ", done_, "/", total_) : cat(" ", done_);
  if (per_second > 0) after += "  " + rate_text(per_second);
  if (per_second > 0 && total_ > 0) {
    const double left = static_cast<double>(std::max(std::int64_t{0}, total_ - done_)) / per_second;
    after += cat("  ", duration_text(left), " left");
  }
  // A wrapped line couldn't be overwritten, and some terminals wrap a full one.
  const std::size_t width = terminal_width() - 1;
  const std::size_t taken = before.size() + after.size() + std::string_view(" []").size();
  std::string bar;
  if (total_ > 0 && taken + kShortestBar <= width) {
    const auto length = static_cast<std::int64_t>(std::min(kBarWidth, width - taken));
    const std::int64_t filled = std::min(done_, total_) * length / total_;
    bar = cat(" [", std::string(filled, '#'), std::string(length - filled, '.'), "]");
  }
  const std::string line = cat(before, bar, after).substr(0, width);
  std::fputs(cat("\r", line, "\033[K").c_str(), stderr);
}

OverallProgress::OverallProgress(std::vector<PartCost> parts) : parts_(std::move(parts)) {
  overall = this;
}

OverallProgress::~OverallProgress() { overall = nullptr; }

void OverallProgress::begin() {
  throw_if_interrupted();
  ++begun_;
  running_ = true;
  part_start_ = Clock::now();
}

void OverallProgress::end(bool worked) {
  running_ = false;
  const PartCost& part = parts_[begun_ - 1];
  if (!worked || part.work <= 0) return;
  worked_ += part.work;
  worked_seconds_ += std::max(0.0, seconds_since(part_start_) - part.seconds);
}

double OverallProgress::part_seconds() const { return running_ ? seconds_since(part_start_) : 0; }

std::string OverallProgress::text() const {
  std::string text = cat(begun_, " of ", parts_.size());
  const double rate = worked_ > 0 ? worked_seconds_ / worked_ : 0;
  double left = 0;
  bool known = true;
  const std::size_t first = begun_ - (running_ ? 1 : 0);
  for (std::size_t i = first; i < parts_.size(); ++i) {
    known = known && (rate > 0 || parts_[i].work <= 0);
    const double estimate = parts_[i].seconds + parts_[i].work * rate;
    // A part that overruns its estimate takes nothing from the later ones.
    left += i == first ? std::max(0.0, estimate - part_seconds()) : estimate;
  }
  if (known) text += cat(", about ", duration_text(left), " left");
  return text;
}

}  // namespace clipq
