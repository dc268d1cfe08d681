#include "clipq/library/rank_store.h"

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;

/// Values are sent in pieces: c10d's store closes the connection on values above 8 MiB.
constexpr std::size_t kPiece = 4U << 20U;

/// Keys: that rank 0 has written the result, and that a rank needs the store no more.
constexpr const char* kWritten = "written";
constexpr const char* kLeft = "left";

/// Key of what the rank that has failed says.
constexpr const char* kFailed = "failed";

/// Seconds: rank 0 may measure for long, and the store is lost if it ends.
constexpr double kForever = 1e9;

/// How long the process that runs the store stays after a failure, for the others to learn of it.
constexpr double kFarewell = 5;

constexpr auto kPause = std::chrono::milliseconds(20);

/// c10d gives up connecting by itself, with a reason, within the timeout and this many seconds.
constexpr double kConnectGrace = 5;

Clock::time_point after(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

/// What a call on another thread has led to.
struct Outcome {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::exception_ptr failure;
};

/// Calls `action` and waits for it; false if it takes longer. Then it is left to itself, as a
/// thread that reads from a connection that is dead can't be ended.
bool done_within(double seconds, std::function<void()> action) {
  const auto outcome = std::make_shared<Outcome>();
  std::thread([outcome, action = std::move(action)] {
    std::exception_ptr failure;
    try {
      action();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::scoped_lock lock(outcome->mutex);
    outcome->failure = failure;
    outcome->done = true;
    outcome->changed.notify_all();
  }).detach();
  const auto deadline = after(seconds);
  std::unique_lock lock(outcome->mutex);
  while (!outcome->changed.wait_for(lock, kPause, [&] { return outcome->done; })) {
    throw_if_interrupted();
    if (Clock::now() > deadline) return false;
  }
  if (outcome->failure) std::rethrow_exception(outcome->failure);
  return true;
}

std::string first_line(const c10::Error& failure) {
  const std::string text = failure.what_without_backtrace();
  return text.substr(0, text.find('\n'));
}

}  // namespace

struct RankStore::Store {
  c10::intrusive_ptr<c10d::Store> store;
};

RankStore::RankStore(RankPlace place, double timeout)
    : place_(std::move(place)), timeout_(timeout), store_(std::make_shared<Store>()) {
  // What c10d logs, with stack traces, is in the errors.
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_FATAL;
  call(timeout_ + kConnectGrace, [store = store_, place = place_, timeout = timeout_] {
    c10d::TCPStoreOptions options;
    options.port = place.port;
    options.isServer = place.hosts;
    options.waitWorkers = false;
    options.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(timeout));
    store->store = c10::make_intrusive<c10d::PrefixStore>(
        cat("clipq/", place.job), c10::make_intrusive<c10d::TCPStore>(place.address, options));
  });
}

RankStore::~RankStore() = default;

/// Calls the store; its errors become InputErrors.
void RankStore::call(double seconds, const std::function<void()>& action) const {
  const std::string where = cat("rank ", place_.rank, " of ", place_.count, ": the store at ",
                                place_.address, ":", place_.port);
  constexpr const char* kAdvice =
      "; check MASTER_ADDR and MASTER_PORT, the network, that rank 0 or torchrun's agent runs "
      "there, and whether rank 0 has ended";
  bool done = false;
  try {
    done = done_within(seconds, action);
  } catch (const c10::Error& failure) {
    lost_ = true;
    throw InputError(
        cat(where, " is lost or can't be reached (", first_line(failure), ")", kAdvice));
  }
  if (done) return;
  lost_ = true;
  throw InputError(cat(where, " hasn't answered for ", seconds, " s", kAdvice));
}

std::string RankStore::key_of(const std::string& key, std::int64_t rank) const {
  return cat(key, "/", rank, "-", place_.count);
}

void RankStore::set(const std::string& name, std::string_view value) const {
  call(timeout_, [store = store_, name, bytes = Bytes(value.begin(), value.end())] {
    store->store->set(name, bytes);
  });
}

std::string RankStore::get(const std::string& name) const {
  const auto bytes = std::make_shared<Bytes>();
  call(timeout_, [store = store_, name, bytes] { *bytes = store->store->get(name); });
  return {bytes->begin(), bytes->end()};
}

bool RankStore::has(const std::string& name) const {
  const auto there = std::make_shared<bool>(false);
  call(timeout_, [store = store_, there, name] { *there = store->store->check({name}); });
  return *there;
}

void RankStore::give(const std::string& key, std::string_view own) const {
  const std::string name = key_of(key, place_.rank);
  const std::size_t pieces = (own.size() + kPiece - 1) / kPiece;
  for (std::size_t i = 0; i < pieces; ++i) {
    set(cat(name, "/", i), own.substr(i * kPiece, kPiece));
  }
  set(name, std::to_string(pieces));  // last: now all of it is there
}

std::string RankStore::take(const std::string& key, std::int64_t rank, bool removes) const {
  wait_for(key, rank, timeout_);
  const std::string name = key_of(key, rank);
  const auto pieces = parse_number<std::size_t>(get(name));
  if (!pieces) throw InputError(cat("the store's \"", name, "\" is no number: is it clipq's?"));
  std::string value;
  for (std::size_t i = 0; i < *pieces; ++i) {
    const std::string piece = cat(name, "/", i);
    value += get(piece);
    if (removes) call(timeout_, [store = store_, piece] { store->store->deleteKey(piece); });
  }
  return value;
}

void RankStore::require_none_failed() const {
  const std::string failed = key_of(kFailed, 0);
  if (place_.watched || !has(failed)) return;
  const std::string message = get(failed);
  give(kLeft, "");
  throw InputError(message);
}

void RankStore::wait_for(const std::string& key, std::int64_t rank, double seconds) const {
  const auto deadline = after(seconds);
  while (!has(key_of(key, rank))) {
    require_none_failed();
    if (Clock::now() > deadline) {
      throw InputError(cat("rank ", place_.rank, " of ", place_.count, ": waited ", timeout_,
                           " s for \"", key, "\" of rank ", rank,
                           "; look at what that rank says, and allow more time if it is only slow"),
                       {{Setting::kTimeout}});
    }
    std::this_thread::sleep_for(kPause);
  }
}

std::vector<std::string> RankStore::exchange(const std::string& key, const std::string& own) const {
  give(key, own);
  std::vector<std::string> all;
  for (std::int64_t rank = 0; rank < place_.count; ++rank) {
    all.push_back(take(key, rank, /*removes=*/false));
  }
  return all;
}

void RankStore::gather(const std::string& key, std::string_view own,
                       const std::function<void(std::string_view part)>& take_part) const {
  if (place_.rank > 0) {
    give(key, own);
    return;
  }
  take_part(own);
  for (std::int64_t rank = 1; rank < place_.count; ++rank) {
    // Nobody else reads it, and the store keeps everything in memory. But a rank 0 that torchrun
    // starts again reads it once more, and the others need not be started again with it.
    take_part(take(key, rank, /*removes=*/!place_.watched));
  }
}

void RankStore::leave() const {
  if (place_.rank > 0) {
    wait_for(kWritten, 0, kForever);
    give(kLeft, "");
    return;
  }
  give(kWritten, "");
  for (std::int64_t rank = 1; place_.hosts && rank < place_.count; ++rank) {
    wait_for(kLeft, rank, timeout_);
  }
}

void RankStore::fail(const std::string& message) const noexcept {
  if (lost_ || place_.watched) return;
  try {
    const std::string failed = key_of(kFailed, 0);
    if (!has(failed)) {
      set(failed, cat("rank ", place_.rank, " of ", place_.count, " has failed: ", message));
    }
    if (place_.rank > 0) give(kLeft, "");
    const auto deadline = after(kFarewell);
    for (std::int64_t rank = 1; place_.hosts && rank < place_.count; ++rank) {
      while (!has(key_of(kLeft, rank)) && Clock::now() < deadline) {
        std::this_thread::sleep_for(kPause);
      }
    }
  } catch (const std::exception&) {
    // The failure itself is told of by the caller, and the others notice by the timeout.
  }
}

}  // namespace clipq
