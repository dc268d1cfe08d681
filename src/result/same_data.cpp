#include "clipq/result/same_data.h"

namespace clipq {

bool have_hashes(const DataInfo& left, const DataInfo& right) {
  return !left.sha256.empty() && !right.sha256.empty();
}

bool same_data(const DataInfo& left, const DataInfo& right) {
  if (have_hashes(left, right)) {
    return left.sha256 == right.sha256 && left.items == right.items &&
           left.skipped == right.skipped;
  }
  const bool have_names = !left.dataset.empty() && !right.dataset.empty();
  return have_names ? left.dataset == right.dataset : left.spec == right.spec;
}

}  // namespace clipq
