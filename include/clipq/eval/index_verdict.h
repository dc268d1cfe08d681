#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/result/result.h"

namespace clipq {

/// By how much recall falls, a fraction, with the ends of its 95 % interval; a gain is below 0.
struct RecallLoss {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// Throws InputError if the two aren't from the same items.
RecallLoss recall_loss(const Outcomes& base, const Outcomes& now);

/// What a search loses in one direction.
struct DirectedLoss {
  std::string metric;  ///< for people: "recall@10 of images by texts"
  RecallLoss loss;
};

/// Whether an index can be searched with the queries of another model.
enum class IndexVerdict { kCompatible, kIncompatible, kUndecided };

/// "compatible", "incompatible", "undecided"
const char* name_of(IndexVerdict verdict);

struct Judgement {
  IndexVerdict verdict = IndexVerdict::kUndecided;
  std::optional<DirectedLoss> decisive;  ///< nothing: there was nothing to judge by
};

/// Compatible if the whole interval of every loss is at most `points`, incompatible if the whole
/// interval of one is above, else undecided. The interval that reaches farthest is decisive.
/// @param points percentage points
Judgement judge(const std::vector<DirectedLoss>& losses, double points);

/// "loses 0.10 [-0.20, 0.40] points of recall@10 of images by texts", or "gains".
std::string loss_text(const DirectedLoss& loss);

}  // namespace clipq
