#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "clipq/core/batch_range.h"

namespace clipq {

/// How processes that run one command on parts of its data tell each other what they have found.
/// All of them make the same calls, in the same order.
class RankExchange {
 public:
  virtual ~RankExchange() = default;

  virtual std::int64_t rank() const = 0;   ///< of this process, from 0
  virtual std::int64_t count() const = 0;  ///< of processes

  /// Gives the others `own` and returns what each has given under this key, by rank. Throws
  /// InputError that names a rank that hasn't given anything in time or has failed, or if the
  /// others can't be reached, and Interrupted.
  virtual std::vector<std::string> exchange(const std::string& key,
                                            const std::string& own) const = 0;

  /// The same for rank 0 alone: there `take` is called with what each has given, by rank. The
  /// others don't wait.
  virtual void gather(const std::string& key, std::string_view own,
                      const std::function<void(std::string_view part)>& take) const = 0;

  /// Called last: the others wait, however long it takes, until rank 0 has written the result, so
  /// that they can still throw away what they would need for another attempt. Throws what
  /// exchange() throws.
  virtual void leave() const = 0;

  /// This process's part of so many batches.
  BatchRange share(std::int64_t batches) const { return share_of(batches, rank(), count()); }
};

/// Whether this process has the results in the end: rank 0, or the only one (null).
inline bool leads(const RankExchange* ranks) { return ranks == nullptr || ranks->rank() == 0; }

/// Throws InputError that names what differs unless all processes give the same fingerprint, a JSON
/// object.
/// @param work what they do together: "calibrate"
void require_same(const RankExchange& ranks, const std::string& key, const std::string& own,
                  const std::string& work);

}  // namespace clipq
