#include "clipq/core/rank_exchange.h"

#include "clipq/core/differing_keys.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

void require_same(const RankExchange& ranks, const std::string& key, const std::string& own,
                  const std::string& work) {
  const std::vector<std::string> all = ranks.exchange(key, own);
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const std::string others = differing_keys(own, all[rank]);
    if (others.empty()) continue;
    throw InputError(cat("rank ", ranks.rank(), " and rank ", rank, " don't ", work,
                         " the same: they differ in ", others,
                         "; start all with one command, on the same checkpoint and data"));
  }
}

}  // namespace clipq
