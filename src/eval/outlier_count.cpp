#include "outlier_count.h"

#include <algorithm>
#include <utility>

namespace clipq {
namespace {

constexpr std::size_t kPlacesShown = 8;

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void OutlierCount::Side::add(const Outliers& outliers) {
  ratios += outliers.ratio;
  if (!outliers.indices.empty()) ++with_outliers;
  for (const std::int64_t index : outliers.indices) ++at[index];
}

Json OutlierCount::Side::json(std::int64_t items) const {
  std::vector<std::pair<std::int64_t, std::int64_t>> places(at.begin(), at.end());
  std::stable_sort(places.begin(), places.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  places.resize(std::min(places.size(), kPlacesShown));
  Json shown = Json::array();
  for (const auto& [index, count] : places) {
    shown.push_back({{"index", index}, {"share", share_of(count, items)}});
  }
  return {{"ratio", items == 0 ? 0 : ratios / static_cast<double>(items)},
          {"share", share_of(with_outliers, items)},
          {"places", std::move(shown)}};
}

void OutlierCount::add(const at::Tensor& x) {
  ++items_;
  tokens_.add(outlier_tokens(x));
  channels_.add(outlier_channels(x));
}

Json OutlierCount::json() const {
  return {{"tokens", tokens_.json(items_)}, {"channels", channels_.json(items_)}};
}

}  // namespace clipq
