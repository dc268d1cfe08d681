#include "block_drift.h"

#include <algorithm>
#include <cmath>

namespace clipq {
namespace {

constexpr double kLargestSqnr = 200;

double energy(const at::Tensor& x) { return x.to(at::kDouble).square().sum().item<double>(); }

}  // namespace

void BlockDrift::add(const BlockOutputs& base, const BlockOutputs& other) {
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    sums_[i].cosine += row_cosines(base[i], other[i]).sum().item<double>();
    sums_[i].signal += energy(base[i]);
    sums_[i].noise += energy(base[i].sub(other[i]));
    sums_[i].tokens += base[i].size(1);
  }
}

std::vector<double> BlockDrift::cosines() const {
  std::vector<double> cosines;
  for (const Sums& sums : sums_) cosines.push_back(sums.cosine / static_cast<double>(sums.tokens));
  return cosines;
}

std::vector<double> BlockDrift::sqnr_db() const {
  std::vector<double> sqnr;
  for (const Sums& sums : sums_) {
    const bool silent = sums.noise == 0;
    sqnr.push_back(silent ? kLargestSqnr
                          : std::min(kLargestSqnr, 10 * std::log10(sums.signal / sums.noise)));
  }
  return sqnr;
}

}  // namespace clipq
