#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clipq/core/rank_exchange.h"

namespace clipq {

/// Where a process stands among those that work together, and where they meet.
struct RankPlace {
  std::int64_t rank = 0;
  std::int64_t count = 1;
  std::string address;  ///< of the store
  std::uint16_t port = 0;
  bool hosts = false;    ///< whether this process runs the store
  bool watched = false;  ///< whether torchrun's agent runs the store, and restarts what has failed
  std::string job;       ///< tells jobs apart that use the same store
};

/// The exchange through a key-value store, c10d's TCPStore.
class RankStore final : public RankExchange {
 public:
  /// Under torchrun, a process that is started again finds what was given before by others or by
  /// itself. It must give the same under the same key.
  /// @param timeout seconds that a call may wait for another process or for the store, above 0
  /// Throws InputError if the store can't be reached, within that time.
  RankStore(RankPlace place, double timeout);
  ~RankStore() override;

  std::int64_t rank() const override { return place_.rank; }
  std::int64_t count() const override { return place_.count; }

  std::vector<std::string> exchange(const std::string& key, const std::string& own) const override;
  void gather(const std::string& key, std::string_view own,
              const std::function<void(std::string_view part)>& take) const override;

  /// The process that runs the store also waits until the others don't need it any more.
  void leave() const override;

  /// Tells the others that this process has failed: what they wait for throws an InputError that
  /// says so. Under torchrun it does nothing: a restart would find that message. Never throws.
  void fail(const std::string& message) const noexcept;

 private:
  struct Store;

  void call(double seconds, const std::function<void()>& action) const;
  std::string key_of(const std::string& key, std::int64_t rank) const;
  void set(const std::string& name, std::string_view value) const;
  std::string get(const std::string& name) const;
  void give(const std::string& key, std::string_view own) const;
  std::string take(const std::string& key, std::int64_t rank, bool removes) const;
  bool has(const std::string& name) const;
  void wait_for(const std::string& key, std::int64_t rank, double seconds) const;
  void require_none_failed() const;

  RankPlace place_;
  double timeout_;
  std::shared_ptr<Store> store_;
  mutable bool lost_ = false;  ///< whether the store has failed
};

}  // namespace clipq
