#include "clipq/eval/index_verdict.h"

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/result/paired_difference.h"

namespace clipq {
namespace {

constexpr double kPoints = 100;

std::string in_points(double fraction) { return fixed(kPoints * fraction, 2); }

}  // namespace

RecallLoss recall_loss(const Outcomes& base, const Outcomes& now) {
  const PairedDifference paired = paired_difference(base, now);
  // Not negated: a difference of 0 is no loss of -0.
  return {0 - paired.difference, 0 - paired.high, 0 - paired.low};
}

const char* name_of(IndexVerdict verdict) {
  switch (verdict) {
    case IndexVerdict::kCompatible:
      return "compatible";
    case IndexVerdict::kIncompatible:
      return "incompatible";
    case IndexVerdict::kUndecided:
      return "undecided";
  }
  throw InternalError("a verdict without a name");
}

Judgement judge(const std::vector<DirectedLoss>& losses, double points) {
  if (losses.empty()) return {};
  const auto most = [&losses](double RecallLoss::*end) {
    return *std::max_element(losses.begin(), losses.end(), [end](const auto& a, const auto& b) {
      return a.loss.*end < b.loss.*end;
    });
  };
  const DirectedLoss at_least = most(&RecallLoss::low);
  if (kPoints * at_least.loss.low > points) return {IndexVerdict::kIncompatible, at_least};
  const DirectedLoss at_most = most(&RecallLoss::high);
  const bool keeps = kPoints * at_most.loss.high <= points;
  return {keeps ? IndexVerdict::kCompatible : IndexVerdict::kUndecided, at_most};
}

std::string loss_text(const DirectedLoss& loss) {
  const RecallLoss& own = loss.loss;
  const bool gains = own.value < 0;
  const std::string value = in_points(gains ? -own.value : own.value);
  const std::string low = in_points(gains ? -own.high : own.low);
  const std::string high = in_points(gains ? -own.low : own.high);
  return cat(gains ? "gains " : "loses ", value, " [", low, ", ", high, "] points of ",
             loss.metric);
}

}  // namespace clipq
