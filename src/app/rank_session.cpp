#include "clipq/app/rank_session.h"

#include <exception>

namespace clipq {

void with_ranks(const std::optional<RankPlace>& place, double timeout,
                const std::function<void(const RankExchange*)>& work) {
  if (!place) {
    work(nullptr);
    return;
  }
  const RankStore ranks(*place, timeout);
  try {
    work(&ranks);
  } catch (const std::exception& failure) {
    ranks.fail(failure.what());
    throw;
  }
}

}  // namespace clipq
