#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace clipq {

/// What quantizing a group of layers alone was seen to do.
struct SeenEffect {
  std::string tower;     ///< that the group is of
  double distance = 0;   ///< mean of 1 - cosine of the embeddings to the float model's
  double agreement = 1;  ///< share of decisions that are the float model's
  std::int64_t decisions = 0;
};

/// The share of decisions that each is expected to change in other data of the same kind. Decisions
/// are few and change seldom, so counts of changed ones are shrunk towards what the distances let
/// expect: changes are taken as proportional to the square root of the distance, by a factor for
/// each tower that all effects in it determine, and weigh as much as four changed decisions (the
/// mean of a gamma distribution's posterior).
std::vector<double> expected_changes(const std::vector<SeenEffect>& seen);

}  // namespace clipq
