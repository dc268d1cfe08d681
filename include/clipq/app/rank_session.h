#pragma once

#include <functional>
#include <optional>
#include <string>

#include "clipq/library/rank_store.h"

namespace clipq {

/// Seconds to wait for other processes unless the user says otherwise.
constexpr double kRankTimeout = 1800;

/// Joins the launcher's other processes and calls `work` with them, or with null if there is no
/// `place`. `work` ends with leave(). If it throws, the others are told. Throws what `work` and
/// RankStore throw.
void with_ranks(const std::optional<RankPlace>& place, double timeout,
                const std::function<void(const RankExchange*)>& work);

}  // namespace clipq
