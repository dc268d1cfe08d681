#include "clipq/search/changed_decisions.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace clipq {
namespace {

constexpr double kPriorChanges = 4;

double changed(const SeenEffect& effect) {
  return (1 - effect.agreement) * static_cast<double>(effect.decisions);
}

/// Of embeddings: what rounding leaves of equal ones is no distance.
double spread(const SeenEffect& effect) { return std::sqrt(std::max(0.0, effect.distance)); }

/// Changed decisions per decision and unit of spread, by tower.
std::map<std::string, double> rates_of(const std::vector<SeenEffect>& seen) {
  std::map<std::string, double> changes;
  std::map<std::string, double> exposure;
  for (const SeenEffect& effect : seen) {
    changes[effect.tower] += changed(effect);
    exposure[effect.tower] += spread(effect) * static_cast<double>(effect.decisions);
  }
  std::map<std::string, double> rates;
  for (const auto& [tower, sum] : exposure) {
    // One change more than was seen, so that groups differ even if no decision changed.
    rates[tower] = sum > 0 ? (changes[tower] + 1) / sum : 1;
  }
  return rates;
}

}  // namespace

std::vector<double> expected_changes(const std::vector<SeenEffect>& seen) {
  const std::map<std::string, double> rates = rates_of(seen);
  std::vector<double> expected;
  for (const SeenEffect& effect : seen) {
    const double prior = rates.at(effect.tower) * spread(effect);
    const double weight = prior > 0 ? kPriorChanges / prior : 0;
    const double decisions = static_cast<double>(effect.decisions);
    expected.push_back(prior > 0 ? (changed(effect) + kPriorChanges) / (decisions + weight)
                                 : changed(effect) / std::max(1.0, decisions));
  }
  return expected;
}

}  // namespace clipq
